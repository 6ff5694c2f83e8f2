// YAML and JSON configuration. The parser's events are used, not its document tree: they carry the
// line of every value, and depth, size and aliases are bounded before anything is built.
#include "router/config_reader.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <istream>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

namespace amqmesh::router {

namespace {

// A value with the line it begins in.
struct Node {
    enum class Kind { kNull, kScalar, kList, kMap };

    Kind kind = Kind::kNull;
    unsigned line = 0;
    std::string text;
    std::vector<Node> items;  // kMap: key, value, key, value, …
    bool plain = false;       // kScalar: without quotes
};

// Valid YAML that is not for configuration files.
class NotRead : public YAML::ParserException {
  public:
    using YAML::ParserException::ParserException;
};

// Builds Nodes; throws NotRead, which the caller of the parser catches, when the document leaves
// our bounds.
class TreeBuilder : public YAML::EventHandler {
  public:
    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ > 0) {
            throw NotRead(mark, "only one document is read");
        }
    }

    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        add({Node::Kind::kNull, line_of(mark), {}, {}, false});
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        throw NotRead(mark, "anchors and aliases are not read here");
    }

    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t /*anchor*/,
                  const std::string& value) override {
        const bool plain = tag != "!";
        const bool null = plain && (value == "~" || value == "null");
        add({null ? Node::Kind::kNull : Node::Kind::kScalar,
             line_of(mark),
             null ? std::string{} : value,
             {},
             plain});
    }

    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string& /*tag*/,
                         YAML::anchor_t /*anchor*/,
                         YAML::EmitterStyle::value /*style*/) override {
        open(mark, Node::Kind::kList);
    }

    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark,
                    const std::string& /*tag*/,
                    YAML::anchor_t /*anchor*/,
                    YAML::EmitterStyle::value /*style*/) override {
        open(mark, Node::Kind::kMap);
    }

    void OnMapEnd() override { close(); }

    Node root;

  private:
    static unsigned line_of(const YAML::Mark& mark) {
        return mark.line < 0 ? 0 : static_cast<unsigned>(mark.line) + 1;
    }

    void open(const YAML::Mark& mark, Node::Kind kind) {
        if (stack_.size() >= kConfigDepthMax) {
            throw NotRead(mark, "nested too deeply");
        }
        stack_.push_back({kind, line_of(mark), {}, {}, false});
    }

    void close() {
        Node done = std::move(stack_.back());
        stack_.pop_back();
        add(std::move(done));
    }

    void add(Node node) {
        if (stack_.empty()) {
            root = std::move(node);
        } else {
            stack_.back().items.push_back(std::move(node));
        }
    }

    std::vector<Node> stack_;
    unsigned documents_ = 0;
};

bool parse(std::string_view text, Node& root, std::vector<ConfigProblem>& problems) {
    std::istringstream stream{std::string{text}};
    TreeBuilder builder;
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& error) {
        const unsigned line =
            error.mark.is_null() ? 0U : static_cast<unsigned>(error.mark.line) + 1U;
        // The parser stumbles where a line does not fit what was begun above it.
        const bool stumbled = dynamic_cast<const NotRead*>(&error) == nullptr;
        problems.push_back({line,
                            false,
                            error.msg,
                            stumbled ? "look at indentation and brackets, here and above" : ""});
        return false;
    }
    root = std::move(builder.root);
    return true;
}

/// Numbers and booleans inside of lists and maps are what JSON says; a value of an attribute itself
/// is text until its type is known (mgmt/schema.h).
mgmt::Value typed(const std::string& text) {
    if (text == "true" || text == "false") {
        return text == "true";
    }
    const char* const end = text.data() + text.size();
    std::int64_t integer = 0;
    if (const auto read = std::from_chars(text.data(), end, integer);
        read.ec == std::errc{} && read.ptr == end) {
        return integer;
    }
    const bool numeric = text.find_first_not_of("+-.0123456789eE") == std::string::npos;
    double number = 0;
    if (const auto read = std::from_chars(text.data(), end, number);
        numeric && read.ec == std::errc{} && read.ptr == end) {
        return number;
    }
    return text;
}

mgmt::Value to_value(const Node& node, bool nested) {  // NOLINT(misc-no-recursion): kConfigDepthMax
    switch (node.kind) {
        case Node::Kind::kNull:
            return {};
        case Node::Kind::kScalar:
            return nested && node.plain ? typed(node.text) : mgmt::Value{node.text};
        case Node::Kind::kList: {
            mgmt::List list;
            for (const Node& item : node.items) {
                list.push_back(to_value(item, true));
            }
            return list;
        }
        case Node::Kind::kMap: {
            mgmt::Map map;
            for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
                map.emplace_back(node.items[i].text, to_value(node.items[i + 1], true));
            }
            return map;
        }
    }
    return {};
}

void add_entity(const Node& type, const Node& body, unsigned line, RawConfig& result) {
    RawEntity entity{type.text, line, type.line, {}, body.kind == Node::Kind::kNull};
    if (body.kind != Node::Kind::kMap && body.kind != Node::Kind::kNull) {
        result.problems.push_back({body.line,
                                   false,
                                   type.text + ": its attributes have to be a map",
                                   "write \"name: value\" pairs"});
        return;
    }
    for (std::size_t i = 0; i + 1 < body.items.size(); i += 2) {
        const Node& key = body.items[i];
        if (key.kind != Node::Kind::kScalar) {
            result.problems.push_back(
                {key.line, false, type.text + ": an attribute's name has to be a word", ""});
            continue;
        }
        entity.attributes.push_back({key.text, to_value(body.items[i + 1], false), key.line});
    }
    result.entities.push_back(std::move(entity));
}

void read_native(const Node& root, RawConfig& result) {
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
        const Node& type = root.items[i];
        const Node& body = root.items[i + 1];
        if (type.kind != Node::Kind::kScalar) {
            result.problems.push_back({type.line, false, "an entity type has to be a word", ""});
        } else if (body.kind == Node::Kind::kList) {
            for (const Node& item : body.items) {
                add_entity(type, item, item.line, result);
            }
        } else {
            add_entity(type, body, type.line, result);
        }
    }
}

void read_json_list(const Node& root, RawConfig& result) {
    for (const Node& item : root.items) {
        const bool pair = item.kind == Node::Kind::kList && item.items.size() == 2 &&
                          item.items[0].kind == Node::Kind::kScalar;
        if (!pair) {
            result.problems.push_back({item.line,
                                       false,
                                       "not an entity",
                                       "a list file holds [\"type\", {\"attribute\": value}]"});
            continue;
        }
        add_entity(item.items[0], item.items[1], item.line, result);
    }
}

}  // namespace

RawConfig read_yaml_config(std::string_view text) {
    RawConfig result;
    Node root;
    if (!parse(text, root, result.problems)) {
        return result;
    }
    switch (root.kind) {
        case Node::Kind::kMap:
            read_native(root, result);
            break;
        case Node::Kind::kList:
            read_json_list(root, result);
            break;
        case Node::Kind::kNull:
            result.problems.push_back({0, false, "is empty", "see the README's example"});
            break;
        case Node::Kind::kScalar:
            result.problems.push_back({root.line,
                                       false,
                                       "not a configuration",
                                       "begin with an entity, for example \"router:\""});
            break;
    }
    return result;
}

mgmt::Value read_flow_value(std::string_view text, std::vector<ConfigProblem>& problems) {
    Node root;
    return parse(text, root, problems) ? to_value(root, false) : mgmt::Value{};
}

}  // namespace amqmesh::router
