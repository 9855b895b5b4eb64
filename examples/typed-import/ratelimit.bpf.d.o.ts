// What is in ratelimit.bpf.o, for TypeScript: made by 'beeyard gen types'. Do not edit.
import type { Ipv4, Ipv4Prefix, MapOf, PerCpuMap, Program, RecordMap, TypedObject } from 'beeyard';

export interface source {
  packets: bigint;
  dropped: bigint;
  last: reason;
}

export type reason = 'ALLOWED' | 'OVER_LIMIT' | 'BLOCKED' | number;

export interface prefix {
  length: number;
  address: number[];
}

export interface event {
  address: number;
  reason: reason;
  name: string | number[];
}

/** What records of ring buffers and perf event arrays can be read as. */
export interface Records {
  source: source;
  prefix: prefix;
  event: event;
}

declare const object: TypedObject<{
  programs: {
    /** SEC("xdp") */
    ratelimit: Program<'xdp'>;
    /** SEC("tc") */
    outgoing: Program<'sched_cls'>;
  };
  maps: {
    /** lru_hash, max_entries 1024 */
    seen: MapOf<number, source, Ipv4>;
    /** percpu_array, max_entries 3 */
    reasons: PerCpuMap<reason, bigint>;
    /** lpm_trie, max_entries 64 */
    blocked: MapOf<prefix, number, Ipv4Prefix>;
    /** ringbuf, max_entries 4096 */
    events: RecordMap<Records>;
    /** global variables */
    '.rodata': MapOf<
      number,
      {
        limit: bigint;
        settings: {
          report: boolean;
          name: string | number[];
        };
      }
    >;
    /** global variables */
    '.bss': MapOf<
      number,
      {
        dropped: bigint;
        event_type: bigint;
      }
    >;
  };
  globals: {
    readonly limit: bigint;
    readonly settings: {
      report: boolean;
      name: string | number[];
    };
    dropped: bigint;
    event_type: bigint;
  };
}>;
export default object;
