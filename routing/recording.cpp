#include "routing/recording.h"

#include "routing/hash.h"

#include <charconv>

namespace amqmesh::routing {

namespace {

constexpr std::string_view kFirstLine = "amqmesh-recording 1";
constexpr std::string_view kDigits = "0123456789abcdef";

std::string hex(std::string_view bytes) {
    std::string text;
    text.reserve(2 * bytes.size() + 1);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 0xfU];
    }
    return text.empty() ? "-" : text;
}

// Words of a line, one by one; the first one that is wrong makes all of it wrong.
class Words {
  public:
    explicit Words(std::string_view line) : rest_(line) {}

    std::string_view word() {
        const std::size_t end = rest_.find(' ');
        const std::string_view found = rest_.substr(0, end);
        rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
        good_ = good_ && !found.empty();
        return found;
    }

    template <typename Number>
    Number number(int base = 10) {
        Number value = 0;
        const std::string_view text = word();
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), value, base);
        good_ = good_ && error == std::errc() && end == text.data() + text.size();
        return value;
    }

    std::string bytes() {
        const std::string_view text = word();
        std::string value;
        if (text == "-") {
            return value;
        }
        good_ = good_ && text.size() % 2 == 0;
        for (std::size_t i = 0; good_ && i + 1 < text.size(); i += 2) {
            const std::size_t high = kDigits.find(text[i]);
            const std::size_t low = kDigits.find(text[i + 1]);
            good_ = high < 16 && low < 16;
            value += static_cast<char>(16 * high + low);
        }
        return value;
    }

    void expect(std::string_view text) { good_ = word() == text && good_; }

    void fail() { good_ = false; }

    [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

class Line {
  public:
    explicit Line(std::string_view first) : text_(first) {}

    Line& add(std::string_view word) {
        text_ += ' ';
        text_ += word;
        return *this;
    }

    Line& add(std::uint64_t number, int base = 10) {
        std::string digits(20, ' ');
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
        return add(
            std::string_view(digits.data(), static_cast<std::size_t>(end.ptr - digits.data())));
    }

    [[nodiscard]] std::string end() const { return text_ + '\n'; }

  private:
    std::string text_;
};

struct Writer {
    Line line;

    void operator()(const event::Start& e) { line.add("start").add(e.wall_clock_ms); }

    void operator()(const event::LinkUp& e) { line.add("up").add(e.link).add(e.cost); }

    void operator()(const event::LinkDown& e) { line.add("down").add(e.link); }

    void operator()(const event::Frame& e) { line.add("frame").add(e.link).add(hex(e.bytes)); }

    void operator()(const event::Alive& e) { line.add("alive").add(e.link); }

    void operator()(const event::Settled& e) { line.add("settled").add(e.link).add(e.token); }

    void operator()(const event::Credit& e) { line.add("credit").add(e.link).add(e.credit); }

    void operator()(const event::LocalAddress& e) {
        line.add("address").add(hex(e.key)).add(static_cast<std::uint64_t>(e.treatment));
        line.add(e.weight).add(std::uint64_t{e.present ? 1U : 0U});
    }

    void operator()(const event::SetCost& e) { line.add("cost").add(e.link).add(e.cost); }

    void operator()(const event::Drain& e) { line.add("drain").add(std::uint64_t{e.on ? 1U : 0U}); }

    void operator()(const event::Stop&) { line.add("stop"); }

    void operator()(const event::Tick& e) { line.add("tick").add(e.loop_lag); }
};

event::LocalAddress parse_address(Words& words) {
    event::LocalAddress address;
    address.key = words.bytes();
    const auto treatment = words.number<std::uint8_t>();
    if (treatment > static_cast<std::uint8_t>(Treatment::kUnavailable)) {
        words.fail();
    }
    address.treatment = static_cast<Treatment>(treatment);
    address.weight = words.number<std::uint32_t>();
    address.present = words.number<std::uint32_t>() != 0;
    return address;
}

// Of events about one link; nothing: another kind.
std::optional<Event> parse_link_event(std::string_view kind, Words& words) {
    const bool known = kind == "up" || kind == "down" || kind == "frame" || kind == "alive" ||
                       kind == "settled" || kind == "credit" || kind == "cost";
    if (!known) {
        return std::nullopt;
    }
    const auto link = words.number<AdjacencyId>();
    if (kind == "up") {
        return event::LinkUp{link, words.number<Cost>()};
    }
    if (kind == "down") {
        return event::LinkDown{link};
    }
    if (kind == "frame") {
        return event::Frame{link, words.bytes()};
    }
    if (kind == "settled") {
        return event::Settled{link, words.number<std::uint64_t>()};
    }
    if (kind == "credit") {
        return event::Credit{link, words.number<std::uint32_t>()};
    }
    if (kind == "cost") {
        return event::SetCost{link, words.number<Cost>()};
    }
    return event::Alive{link};
}

Event parse_event(std::string_view kind, Words& words) {
    if (auto event = parse_link_event(kind, words)) {
        return *std::move(event);
    }
    if (kind == "start") {
        return event::Start{words.number<std::uint64_t>()};
    }
    if (kind == "address") {
        return parse_address(words);
    }
    if (kind == "drain") {
        return event::Drain{words.number<std::uint32_t>() != 0};
    }
    if (kind == "tick") {
        return event::Tick{words.number<Time>()};
    }
    if (kind != "stop") {
        words.fail();
    }
    return event::Stop{};
}

}  // namespace

std::string record(const RecordedNode& node) {
    const Config& config = node.config;
    const Limits& limits = config.limits;
    Line line("node");
    line.add(hex(config.name)).add(hex(config.area)).add(config.heartbeat_ms);
    line.add(config.detect_mult).add(config.max_paths).add(node.seed);
    for (const std::size_t limit : {limits.name_bytes,
                                    limits.key_bytes,
                                    limits.links_per_router,
                                    limits.routers,
                                    limits.addresses_per_origin,
                                    limits.message_bytes,
                                    limits.database_bytes}) {
        line.add(limit);
    }
    return std::string(kFirstLine) + '\n' + line.end();
}

std::string record(Time now, const Event& event) {
    Writer writer{Line(">")};
    writer.line.add(now);
    std::visit(writer, event);
    return writer.line.end();
}

std::string record(const RecordedOutcome& outcome) {
    return Line("<").add(outcome.effects, 16).add(outcome.state, 16).end();
}

RecordedOutcome outcome_of(const Node& node, const Event& event, const Effects& effects) {
    Hasher hasher;
    for (const Send& send : effects.send) {
        hasher.add(send.link).add(send.token).add(hash_bytes(send.bytes));
    }
    for (const RouteChange& route : effects.routes) {
        hasher.add(route.router).add(hash_bytes(route.name)).add(route.cost);
        for (const AdjacencyId hop : route.next_hops) {
            hasher.add(hop);
        }
    }
    hasher.add(effects.topology ? effects.topology->digest : 0);
    for (const AddressChange& address : effects.addresses) {
        hasher.add(address.router).add(hash_bytes(address.key)).add(address.weight);
        hasher.add(2 * static_cast<std::uint64_t>(address.treatment) + (address.present ? 1U : 0U));
    }
    for (const LinkClose& close : effects.close) {
        hasher.add(close.link).add(hash_bytes(close.condition)).add(hash_bytes(close.text));
        hasher.add(close.retry_after_ms);
    }
    for (const Note& note : effects.notes) {
        hasher.add(hash_bytes(note.code)).add(hash_bytes(note.text));
    }
    const bool alive = std::holds_alternative<event::Alive>(event);
    return {hasher.value(), alive ? 0 : node.digest()};
}

bool is_recording(std::string_view first_line) {
    return first_line == kFirstLine;
}

std::optional<RecordedNode> parse_recorded_node(std::string_view line) {
    Words words(line);
    words.expect("node");
    RecordedNode node;
    Config& config = node.config;
    config.name = words.bytes();
    config.area = words.bytes();
    config.heartbeat_ms = words.number<std::uint32_t>();
    config.detect_mult = words.number<std::uint32_t>();
    config.max_paths = words.number<std::uint32_t>();
    node.seed = words.number<std::uint64_t>();
    Limits& limits = config.limits;
    for (std::size_t* limit : {&limits.name_bytes,
                               &limits.key_bytes,
                               &limits.links_per_router,
                               &limits.routers,
                               &limits.addresses_per_origin,
                               &limits.message_bytes,
                               &limits.database_bytes}) {
        *limit = words.number<std::size_t>();
    }
    const bool valid =
        words.done() && !config.name.empty() && config.name.size() <= limits.name_bytes;
    return valid ? std::optional(std::move(node)) : std::nullopt;
}

std::optional<RecordedEvent> parse_recorded_event(std::string_view line) {
    Words words(line);
    words.expect(">");
    const Time now = words.number<Time>();
    RecordedEvent recorded = {now, parse_event(words.word(), words)};
    return words.done() ? std::optional(std::move(recorded)) : std::nullopt;
}

std::optional<RecordedOutcome> parse_recorded_outcome(std::string_view line) {
    Words words(line);
    words.expect("<");
    const auto effects = words.number<std::uint64_t>(16);
    const auto state = words.number<std::uint64_t>(16);
    return words.done() ? std::optional(RecordedOutcome{effects, state}) : std::nullopt;
}

}  // namespace amqmesh::routing
