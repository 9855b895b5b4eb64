// What is in synlimit.bpf.o, for TypeScript: made by 'beeyard gen types'. Do not edit.
import type { Ipv4, MapOf, Program, TypedObject } from 'beeyard';

export interface source {
  second: bigint;
  opened: number;
  dropped: number;
}

declare const object: TypedObject<{
  programs: {
    /** SEC("xdp") */
    synlimit: Program<'xdp'>;
  };
  maps: {
    /** lru_hash, max_entries 10000 */
    sources: MapOf<number, source, Ipv4>;
    /** global variables */
    '.rodata': MapOf<
      number,
      {
        limit: number;
      }
    >;
  };
  globals: {
    readonly limit: number;
  };
}>;
export default object;
