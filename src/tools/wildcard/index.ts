/**
 * Wildcard maps (an extension; include/beeyard/wildcard.h) as rules by field name.
 *
 * ```ts
 * import { WildcardRules } from 'beeyard/wildcard';
 *
 * const { maps } = await host.load('classifier.bpf.o');
 * new WildcardRules(maps.rules).add({ saddr: '10.0.0.0/8', dport: [80, 443] }, { verdict: 2 });
 * ```
 */
export { type FieldRule, type Packet, type Rule, WildcardRules } from './rules.ts';
export {
  bpftoolBatch,
  type ClassifierContents,
  classifierContents,
  type ClassifierOptions,
  classifierSource,
} from './export.ts';
