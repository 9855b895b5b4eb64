/** What a program is asked on two kernels, and what each says. Plain data: it goes through JSON. */

/** A packet and the contexts programs get with it, as hexadecimal digits. */
export interface DiffPacket {
  readonly data: string;
  /** struct xdp_md for XDP programs, struct __sk_buff for tc programs. Left out: none. */
  readonly xdp?: DiffContext;
  readonly skb?: DiffContext;
}

export interface DiffContext {
  /** Left out: the kernel's own. */
  readonly input?: string;
  /** It is asked for afterwards. */
  readonly output: boolean;
}

/** An object and what is to be there before its programs run. */
export interface DiffObject {
  /** What it is called in results. */
  readonly name: string;
  readonly path: string;
  /** Default: all that are loaded without being asked for. */
  readonly programs?: readonly string[];
  /** Programs that run once on the first packet, before. */
  readonly before?: readonly string[];
  /** Entries by map: key and value, hexadecimal. */
  readonly maps?: Readonly<Record<string, readonly (readonly [string, string])[]>>;
  /** Values of global variables: numbers of 64 bits as text '12n'. */
  readonly globals?: Readonly<Record<string, unknown>>;
}

export interface DiffPlan {
  readonly objects: readonly DiffObject[];
  readonly packets: readonly DiffPacket[];
  /** BPF_LOG_LEVEL1 (1) or 2. */
  readonly logLevel: number;
}

/** What a kernel said of one program. */
export interface Observation {
  readonly object: string;
  readonly program: string;
  /** 0, or the errno of loading it (or the object's maps). */
  readonly errno: number;
  /** The verifier's log, or why it was not asked. */
  readonly log: string;
  /** One for each packet: 'E22' for an errno. Undefined: programs of its type are not run. */
  readonly runs?: readonly DiffRun[];
  /** Contents by map: 'key value' as hexadecimal digits. */
  readonly maps: Readonly<Record<string, readonly string[]>>;
}

export interface DiffRun {
  readonly errno?: number;
  readonly returnValue?: number;
  /** The packet afterwards; undefined: as it was. */
  readonly data?: string;
  /** The context afterwards, where it was asked for. */
  readonly context?: string;
}

export const ASPECTS = ['verdict', 'log', 'returns', 'packets', 'contexts', 'maps'] as const;
export type Aspect = (typeof ASPECTS)[number];

/** A difference: its first place, in words. */
export interface Difference {
  readonly aspect: Aspect;
  /** Which packet or map, where it is about one. */
  readonly place: string;
  readonly simulated: string;
  readonly linux: string;
  /** Places that differ in all. */
  readonly count: number;
}

/** One program on both kernels. */
export interface Comparison {
  readonly object: string;
  readonly program: string;
  /** Aspects that were compared. */
  readonly compared: readonly Aspect[];
  readonly differences: readonly Difference[];
}
