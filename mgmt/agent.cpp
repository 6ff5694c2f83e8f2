#include "mgmt/agent.h"

#include "mgmt/agent_directory.h"
#include "mgmt/agent_operations.h"
#include "mgmt/schema_convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace amqmesh::mgmt {

namespace {

struct NamedOperation {
    std::string_view name;
    Operation run;
};

constexpr auto kOperations = std::to_array<NamedOperation>({
    {"QUERY", query},
    {"READ", read},
    {"CREATE", create},
    {"UPDATE", update},
    {"DELETE", remove},
    {"GET-TYPES", get_types},
    {"GET-ATTRIBUTES", get_attributes},
    {"GET-OPERATIONS", get_operations},
    {"GET-ANNOTATIONS", get_annotations},
    {"GET-MGMT-NODES", get_mgmt_nodes},
    {"GET-SCHEMA", get_schema},
    {"GET-JSON-SCHEMA", get_json_schema},
    {"GET-LOG", get_log},
    {"RELOAD", reload},
});

const NamedOperation* find_operation(std::string_view name) {
    const std::string folded = lower(name);
    const auto found = std::ranges::find_if(
        kOperations, [&](const NamedOperation& item) { return lower(item.name) == folded; });
    return found != kOperations.end() ? found : nullptr;
}

std::string unknown_operation(std::string_view name) {
    std::vector<std::string_view> names;
    for (const NamedOperation& item : kOperations) {
        names.push_back(item.name);
    }
    constexpr std::size_t kShownMax = 100;
    return fmt::format(
        "there is no operation {}; there are {}", name.substr(0, kShownMax), joined(names));
}

}  // namespace

void Source::query_page(const EntityType& type, Page page, RowsDone done) {
    query(type, [page, done = std::move(done)](std::vector<Row>&& rows) {
        done(cut(std::move(rows), page));
    });
}

Reloaded Source::reload() {
    return {.code = Code::kNotImplemented, .text = "there is no configuration file here"};
}

Background& Source::background() {
    static NoBackground none;
    return none;
}

void Source::asked(std::string_view /*operation*/,
                   std::string_view /*type*/,
                   std::string_view /*which*/) {}

struct Agent::Impl {
    explicit Impl(Source& the_source) : source(the_source), directory(the_source) {}

    Source& source;
    Directory directory;
    Context context{source, directory};
    std::shared_ptr<std::size_t> pending = std::make_shared<std::size_t>(0);
    std::uint64_t dropped = 0;
};

Agent::Agent(Source& source) : impl_(std::make_unique<Impl>(source)) {}

Agent::~Agent() = default;

void Agent::handle(std::string_view message, SendReply send) {
    std::optional<Request> request = decode_request(message);
    if (!request) {
        ++impl_->dropped;
        return;
    }
    const bool busy = *impl_->pending >= kPendingMax;
    const std::string malformed = std::move(request->error);
    const auto exchange =
        std::make_shared<Exchange>(std::move(*request), std::move(send), impl_->pending);
    const std::string_view name = exchange->property("operation");
    const NamedOperation* found = find_operation(name);
    if (busy) {
        exchange->fail(Code::kInternal, "too many requests are waiting: try again later");
    } else if (!malformed.empty()) {
        exchange->fail(Code::kBadRequest, malformed);
    } else if (name.empty()) {
        exchange->fail(Code::kBadRequest,
                       "the application property operation is missing or no text");
    } else if (found == nullptr) {
        exchange->fail(Code::kNotImplemented, unknown_operation(name));
    } else {
        const std::string_view of = exchange->property("entityType");
        const std::string_view identity = exchange->property("identity");
        impl_->source.asked(found->name,
                            of.empty() ? exchange->property("type") : of,
                            identity.empty() ? exchange->property("name") : identity);
        found->run(impl_->context, exchange);
    }
}

std::size_t Agent::pending() const {
    return *impl_->pending;
}

std::uint64_t Agent::dropped() const {
    return impl_->dropped;
}

}  // namespace amqmesh::mgmt
