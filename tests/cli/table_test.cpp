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

TEST(Views, AreInAnOrderThatPeopleFind) {
    const Rows links{{"identity", "linkType"},
                     {{"10.0.in", "c"}, {"9.1.out", "b"}, {"9.0.in", "a"}}};
    const std::string csv = view_table(links_view(), links, false).csv();
    EXPECT_LT(csv.find("9.0.in"), csv.find("9.1.out"));
    EXPECT_LT(csv.find("9.1.out"), csv.find("10.0.in"));
    const Rows addresses{{"name"}, {{"M0shop/10"}, {"M0shop/9"}, {"La"}, {"M0shop"}}};
    const std::string names = view_table(addresses_view(), addresses, false).csv();
    EXPECT_LT(names.find("_local/a"), names.find("shop,"));
    EXPECT_LT(names.find("shop,"), names.find("shop/9"));
    EXPECT_LT(names.find("shop/9"), names.find("shop/10"));
}

TEST(Table, CsvQuotes) {
    Table table({{"A"}, {"B"}});
    table.add({"x,y", "say \"so\"\n"});
    EXPECT_EQ(table.csv(), "A,B\r\n\"x,y\",\"say \"\"so\"\"\n\"\r\n");
}

}  // namespace
}  // namespace amqmesh::cli
