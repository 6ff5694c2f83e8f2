#include "mgmt/schema.h"

#include "mgmt/schema_convert.h"
#include "mgmt/schema_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace amqmesh::mgmt {

namespace {

std::vector<EntityType> join_tables() {
    std::vector<EntityType> all;
    for (const auto types :
         {table::configuration_types(), table::unsupported_types(), table::operational_types()}) {
        for (const EntityType& type : types) {
            all.push_back(type);
        }
    }
    return all;
}

// A wrong attribute name in our own code is a defect that every build must show.
[[noreturn]] void no_such_name(std::string_view type, std::string_view attribute) {
    std::fprintf(stderr,
                 "schema: %.*s has no attribute %.*s\n",
                 static_cast<int>(type.size()),
                 type.data(),
                 static_cast<int>(attribute.size()),
                 attribute.data());
    std::abort();
}

bool contains_word(std::string_view words, std::string_view word) {
    while (!words.empty()) {
        const std::size_t end = std::min(words.find(' '), words.size());
        if (words.substr(0, end) == word) {
            return true;
        }
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return false;
}

// Damerau-Levenshtein distance (adjacent swaps count once), by rows; both texts are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

constexpr std::size_t kSuggestBytesMax = 64;

}  // namespace

std::string EntityType::long_name() const {
    if (name.starts_with("org.")) {
        return std::string{name};
    }
    return std::string{kTypePrefix} + std::string{name};
}

std::size_t EntityType::index_of(std::string_view attribute) const {
    const auto search = [&](std::string_view wanted) {
        for (std::size_t i = 0; i < attributes.size(); ++i) {
            if (attributes[i].name == wanted || contains_word(attributes[i].aliases, wanted)) {
                return i;
            }
        }
        return npos;
    };
    const std::size_t exact = search(attribute);
    if (exact != npos) {
        return exact;
    }
    const std::string canonical = canonical_name(attribute);
    return canonical == attribute ? npos : search(canonical);
}

std::span<const EntityType> all_types() {
    static const std::vector<EntityType> all = join_tables();
    return all;
}

std::string_view short_type_name(std::string_view name) {
    for (const std::string_view prefix : {kTypePrefix, kSuccessorPrefix}) {
        if (name.starts_with(prefix)) {
            return name.substr(prefix.size());
        }
    }
    return name;
}

const EntityType* find_type(std::string_view name) {
    name = short_type_name(name);
    const auto search = [](std::string_view wanted) -> const EntityType* {
        for (const EntityType& type : all_types()) {
            if (type.name == wanted || (!type.config_name.empty() && type.config_name == wanted)) {
                return &type;
            }
        }
        return nullptr;
    };
    const EntityType* exact = search(name);
    return exact != nullptr ? exact : search(canonical_name(name));
}

const EntityType& type_of(std::string_view name) {
    const EntityType* type = find_type(name);
    if (type == nullptr) {
        no_such_name(name, "");
    }
    return *type;
}

std::string canonical_name(std::string_view text) {
    std::string out;
    bool upper = false;
    for (const char c : text) {
        if (c == '-' || c == '_') {
            upper = !out.empty();
            continue;
        }
        out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        upper = false;
    }
    return out;
}

std::string suggest(std::string_view text, std::span<const std::string_view> names) {
    if (text.empty() || text.size() > kSuggestBytesMax) {
        return {};
    }
    const std::string wanted = lower(canonical_name(text));
    // A third of the letters may be wrong, but never more than three.
    std::size_t best = std::min<std::size_t>(3, std::max<std::size_t>(1, wanted.size() / 3)) + 1;
    std::string_view found;
    for (const std::string_view name : names) {
        const std::size_t distance = edit_distance(wanted, lower(name));
        if (distance < best) {
            best = distance;
            found = name;
        }
    }
    return std::string{found};
}

std::string suggest_attribute(const EntityType& type, std::string_view text) {
    std::vector<std::string_view> names;
    for (const Attribute& attribute : type.attributes) {
        if (attribute.access != Access::kReadOnly) {
            names.push_back(attribute.name);
        }
    }
    return suggest(text, names);
}

std::string suggest_config_type(std::string_view text) {
    std::vector<std::string_view> names;
    for (const EntityType& type : all_types()) {
        if (!type.config_name.empty()) {
            names.push_back(type.config_name);
        }
    }
    return suggest(text, names);
}

Row::Row(const EntityType& type) : type_(&type), values_(type.attributes.size()) {}

Row& Row::set(std::string_view attribute, Value value) {
    const auto& attributes = type_->attributes;
    for (std::size_t step = 0; step < attributes.size(); ++step) {
        const std::size_t index = (cursor_ + step) % attributes.size();
        if (attributes[index].name == attribute) {
            values_[index] = std::move(value);
            cursor_ = index + 1;
            return *this;
        }
    }
    no_such_name(type_->name, attribute);
}

const Value& Row::at(std::string_view attribute) const {
    const std::size_t index = type_->index_of(attribute);
    if (index == EntityType::npos) {
        no_such_name(type_->name, attribute);
    }
    return values_[index];
}

}  // namespace amqmesh::mgmt
