#include "router/address_book.h"

namespace amqmesh::router {

AddressBook::Change AddressBook::add(std::string_view key, const link::ConsumerId& consumer) {
    auto place = consumers_.find(key);
    const bool first = place == consumers_.end();
    if (first) {
        place = consumers_.emplace(std::string{key}, std::set<link::ConsumerId>{}).first;
    }
    if (!place->second.insert(consumer).second) {
        return Change::kNone;
    }
    return first ? Change::kAddress : Change::kConsumer;
}

AddressBook::Change AddressBook::remove(std::string_view key, const link::ConsumerId& consumer) {
    const auto place = consumers_.find(key);
    if (place == consumers_.end() || place->second.erase(consumer) == 0) {
        return Change::kNone;
    }
    if (!place->second.empty()) {
        return Change::kConsumer;
    }
    consumers_.erase(place);
    return Change::kAddress;
}

std::size_t AddressBook::count(std::string_view key) const {
    const auto place = consumers_.find(key);
    return place == consumers_.end() ? 0 : place->second.size();
}

}  // namespace amqmesh::router
