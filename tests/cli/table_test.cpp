#include "mgmt/cli/table.h"

#include "mgmt/cli/views.h"

#include <gtest/gtest.h>

namespace amqmesh::cli {
namespace {

Table sample() {
    Table table({{"NAME"}, {"COUNT", Align::kRight}, {"WHERE"}});
    table.add({"a", "5", "here"});
    table.add({"größer", "1000000", ""});
    return table;
}

TEST(Table, AlignsByCharactersNotBytes) {
    EXPECT_EQ(sample().text(0),
              "NAME      COUNT  WHERE\n"
              "a             5  here\n"
              "größer  1000000\n");
}

TEST(Table, SqueezesTheWidestColumnFirst) {
    Table table({{"X"}, {"LONG"}});
    table.add({"1", "abcdefghijklmnop"});
    EXPECT_EQ(table.text(12), "X  LONG\n1  abcdefgh…\n");
    EXPECT_EQ(table.text(2), "X  LONG\n1  abcdefg…\n");  // never below a readable rest
}

TEST(Table, LeavesOutWhatDoesNotFitAndNamesIt) {
    Table table({{"NAME"}, {"IN", Align::kRight}, {"OUT", Align::kRight}, {"WHERE"}});
    table.add({"abcdefghijkl", "12345678", "1", "here"});
    EXPECT_EQ(
        table.text(23),
        "NAME            IN  OUT\nabcdefg…  12345678    1\nnot shown for want of width: WHERE\n");
    EXPECT_EQ(
        table.text(20),
        "NAME              IN\nabcdefghi…  12345678\nnot shown for want of width: OUT WHERE\n");
    EXPECT_EQ(table.text(1),
              "NAME            IN\nabcdefg…  12345678\nnot shown for want of width: OUT WHERE\n");
}

TEST(Table, WhatOthersWroteDoesNotSteerTheTerminal) {
    Table table({{"NAME"}, {"WHERE"}});
    table.add({"a\nb\x1b[2J\x7f", "\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c \xc3\xa4"});
    table.add({"\x9bx", ""});
    EXPECT_EQ(table.text(0),
              "NAME      WHERE\n"
              "a?b?[2J?  ????? \xc3\xa4\n"
              "\xef\xbf\xbdx\n");
    EXPECT_NE(table.csv().find("\x1b[2J"), std::string::npos) << "CSV is for programs";
    const Rows rows{{"na\nme"}, {{"x\r\ny\x1b]0;t\x07"}}};
    EXPECT_EQ(records_text(rows), "na?me                        x??y?]0;t?\n");
    EXPECT_EQ(stats_text(rows), "na?me                                x??y?]0;t?\n");
}

TEST(Views, AreInAnOrderThatPeopleFind) {
    const Rows links{{"identity", "linkType"},
                     {{"10.0.in", "c"}, {"9.1.out", "b"}, {"9.0.in", "a"}}};
    const std::string csv = view_table(links_view(), links, {}).csv();
    EXPECT_LT(csv.find("9.0.in"), csv.find("9.1.out"));
    EXPECT_LT(csv.find("9.1.out"), csv.find("10.0.in"));
    const Rows addresses{{"name"}, {{"M0shop/10"}, {"M0shop/9"}, {"La"}, {"M0shop"}}};
    const std::string names = view_table(addresses_view(), addresses, {}).csv();
    EXPECT_LT(names.find("_local/a"), names.find("shop,"));
    EXPECT_LT(names.find("shop,"), names.find("shop/9"));
    EXPECT_LT(names.find("shop/9"), names.find("shop/10"));
}

TEST(Views, CsvHasSecondsAndNothingForNoValue) {
    const Rows connections{{"identity", "uptimeSeconds", "lastDlvSeconds"}, {{"7", 3725, nullptr}}};
    const View& view = connections_view();
    EXPECT_EQ(view_table(view, connections, {.csv = true}).csv(),
              "ID,HOST,CONTAINER,ROLE,DIR,UP,LAST DELIVERY\r\n7,,,,,3725,\r\n");
    EXPECT_NE(view_table(view, connections, {}).text(0).find("1h 2m"), std::string::npos);
    EXPECT_EQ(rows_table(connections, {.csv = true}).csv(),
              "identity,uptimeSeconds,lastDlvSeconds\r\n7,3725,\r\n");
}

TEST(Table, CsvQuotes) {
    Table table({{"A"}, {"B"}});
    table.add({"x,y", "say \"so\"\n"});
    EXPECT_EQ(table.csv(), "A,B\r\n\"x,y\",\"say \"\"so\"\"\n\"\r\n");
}

}  // namespace
}  // namespace amqmesh::cli
