// The operations behind `$management`, one function each. All of them answer the exchange, at once
// or when the Source has. Private to the agent.
#pragma once

#include "mgmt/agent_directory.h"
#include "mgmt/agent_exchange.h"

namespace amqmesh::mgmt {

struct Context {
    Source& source;
    Directory& directory;
};

using Operation = void (*)(Context& context, const ExchangePtr& exchange);

// agent_query.cpp
void query(Context& context, const ExchangePtr& exchange);

// agent_entity.cpp
void read(Context& context, const ExchangePtr& exchange);
void create(Context& context, const ExchangePtr& exchange);
void update(Context& context, const ExchangePtr& exchange);
void remove(Context& context, const ExchangePtr& exchange);

// agent_schema.cpp
void get_types(Context& context, const ExchangePtr& exchange);
void get_attributes(Context& context, const ExchangePtr& exchange);
void get_operations(Context& context, const ExchangePtr& exchange);
void get_annotations(Context& context, const ExchangePtr& exchange);
void get_mgmt_nodes(Context& context, const ExchangePtr& exchange);
void get_schema(Context& context, const ExchangePtr& exchange);
void get_json_schema(Context& context, const ExchangePtr& exchange);
void get_log(Context& context, const ExchangePtr& exchange);
void reload(Context& context, const ExchangePtr& exchange);

/// Types that QUERY and GET-… are asked about by `entityType` (or `type`): one type, all that
/// extend a base type, or all. Answers the exchange with an error and returns nothing if there is
/// no such type.
std::vector<const EntityType*> asked_types(const ExchangePtr& exchange);

/// "… did you mean …?" for a type that there is not.
void fail_unknown_type(const ExchangePtr& exchange, std::string_view name);

}  // namespace amqmesh::mgmt
