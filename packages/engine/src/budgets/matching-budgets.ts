import type { Budget, ConfigSnapshot, Spender } from '@llm-gateway/shared';

interface Index {
  all: Budget[];
  byService: Map<string, Budget[]>;
  byCustomer: Map<string, Budget[]>;
}

// One for each configuration: with a budget for each of thousands of customers, no request should look at all of them.
const indexes = new WeakMap<ConfigSnapshot, Index>();

/** @returns the budgets that a request counts in: its service's, its customer's, and those of all. */
export function matchingBudgets(snapshot: ConfigSnapshot, { service, customerId }: Spender): Budget[] {
  if (snapshot.budgets.length === 0) return [];
  const { all, byService, byCustomer } = indexOf(snapshot);
  return [...all, ...(byService.get(service) ?? []), ...(customerId === null ? [] : (byCustomer.get(customerId) ?? []))];
}

function indexOf(snapshot: ConfigSnapshot): Index {
  const known = indexes.get(snapshot);
  if (known) return known;
  const index: Index = { all: [], byService: new Map(), byCustomer: new Map() };
  for (const budget of snapshot.budgets) listFor(index, budget).push(budget);
  indexes.set(snapshot, index);
  return index;
}

function listFor({ all, byService, byCustomer }: Index, { scope, service, customerId }: Budget): Budget[] {
  if (scope === 'all') return all;
  const [lists, name] = scope === 'service' ? [byService, service ?? ''] : [byCustomer, customerId ?? ''];
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
