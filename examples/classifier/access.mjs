// The access list, first rule first, and how it gets into either program.
import { classifierContents } from '../../dist/tools/wildcard/index.js';

const XDP_DROP = 1;
const XDP_PASS = 2;
const [TCP, UDP, ICMP] = [6, 17, 1];
const web = '198.51.100.0/24';

/** Text, what it says of the packet's fields, and the verdict. */
export const accessList = [
  ['flood of January', { saddr: '100.127.44.0/24', proto: TCP }, XDP_DROP],
  ['port scans', { saddr: '198.19.7.64/26' }, XDP_DROP],
  ['carriers: web', { saddr: '100.64.0.0/10', daddr: web, dport: [80, 443], proto: TCP }, XDP_PASS],
  ['inside: anything to servers', { saddr: '10.0.0.0/8', daddr: web }, XDP_PASS],
  ['answers of servers', { saddr: web, sport: [1, 1023] }, XDP_PASS],
  ['names', { dport: 53, proto: UDP }, XDP_PASS],
  ['time', { dport: 123, proto: UDP }, XDP_PASS],
  ['shells from outside', { daddr: web, dport: 22, proto: TCP }, XDP_DROP],
  ['pings', { proto: ICMP }, XDP_PASS],
  ['ports of services', { daddr: web, dport: [1, 1023] }, XDP_PASS],
  ['the rest to servers', { daddr: web }, XDP_DROP],
].map(([text, fields, verdict], i) => ({ text, verdict, rule: { ...fields, priority: i + 1 } }));

const valueOf = (verdict) => new Uint8Array(Uint32Array.of(verdict, 0).buffer);

/** Into the wildcard map. */
export function fillWildcard(wildcard, list = accessList) {
  for (const { rule, verdict } of list) wildcard.add(rule, { verdict, hits: 0 });
}

/** What goes into the maps of classifier.bpf.o. */
export function contentsFor(wildcard, list = accessList) {
  return classifierContents(
    wildcard,
    list.map(({ rule, verdict }) => [rule, valueOf(verdict)]),
  );
}

/** Into the maps of classifier.bpf.o. */
export function fillClassifier(maps, { tables, buckets, rules }) {
  for (const [key, value] of rules) maps.acl_rules.set(key, value);
  for (const [key, value] of buckets) maps.acl_buckets.set(key, value);
  for (const [key, value] of tables) maps.acl_tables.set(key, value);
}
