#include "router/page_store.h"

#include <algorithm>
#include <utility>

namespace amqmesh::router {

std::vector<PageStore::Kept>::iterator PageStore::place_of(std::string_view type,
                                                           std::string_view asker) {
    return std::ranges::find_if(
        kept_, [&](const Kept& kept) { return kept.type == type && kept.asker == asker; });
}

RowPagesPtr PageStore::find(std::string_view type, std::string_view asker, routing::Time now) {
    const auto place = place_of(type, asker);
    if (place == kept_.end() || now - place->latest > kIdleLimit ||
        now - place->first > kAgeLimit) {
        return nullptr;
    }
    place->latest = now;
    return place->pages;
}

void PageStore::keep(std::string_view type,
                     std::string_view asker,
                     RowPagesPtr pages,
                     routing::Time now) {
    auto place = place_of(type, asker);
    if (place == kept_.end() && kept_.size() == kMax) {
        place = std::ranges::min_element(kept_, {}, &Kept::latest);
    }
    if (place != kept_.end()) {
        pushed_out_.push_back(std::move(place->pages));
        kept_.erase(place);
    }
    kept_.push_back({std::string{type}, std::string{asker}, std::move(pages), now, now});
}

void PageStore::drop(std::string_view type, std::string_view asker) {
    const auto place = place_of(type, asker);
    if (place != kept_.end()) {
        kept_.erase(place);
    }
}

std::vector<RowPagesPtr> PageStore::take_old(routing::Time now) {
    std::vector<RowPagesPtr> old = std::exchange(pushed_out_, {});
    for (Kept& kept : kept_) {
        if (now - kept.latest > kIdleLimit || now - kept.first > kAgeLimit) {
            old.push_back(std::move(kept.pages));
        }
    }
    std::erase_if(kept_, [](const Kept& kept) { return kept.pages == nullptr; });
    return old;
}

}  // namespace amqmesh::router
