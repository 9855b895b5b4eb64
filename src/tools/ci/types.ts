/** A way to load an object: what the loader sets before the kernel sees it. */
export interface Shape {
  readonly name: string;
  /** Values of global variables, constants too: 'config.limit' sets one member. */
  readonly rodata?: Readonly<Record<string, unknown>>;
  /** Sizes of maps. */
  readonly maps?: Readonly<Record<string, { readonly max_entries?: number }>>;
  /** What programs attach to, by program: 'tcp_connect', '' for none. */
  readonly attach?: Readonly<Record<string, string>>;
  /** Only these programs are loaded. Default: all but those a loader leaves out. */
  readonly programs?: readonly string[];
  /**
   * Make it ready as this loader does. veristat loads every program, also those a loader leaves
   * out, gives maps without a size one entry, and an freplace program the type its argument looks
   * like.
   */
  readonly loader?: 'veristat';
  /** Only these objects are loaded so: patterns as in `CiConfig.objects`. Default: all. */
  readonly objects?: readonly string[];
}

/**
 * 'success' and 'failure' are the verifier's, as veristat has them. 'not_loaded': user space could
 * not make it ready (no attach target, a map that cannot be), so no verifier saw it.
 */
export type CiVerdict = 'success' | 'failure' | 'not_loaded';

/** A program of an object on a kernel in a shape. */
export interface CiRecord {
  readonly file: string;
  readonly prog: string;
  readonly kernel: string;
  readonly shape: string;
  readonly verdict: CiVerdict;
  readonly insns: number;
  readonly states: number;
  readonly peakStates: number;
  readonly maxStatesPerInsn: number;
  readonly markRead: number;
  /** Bytes of stack of its deepest chain of calls. */
  readonly stack: number;
  /** Instructions in the object. */
  readonly size: number;
  readonly type: string;
  readonly attachType: string;
  /** Of a failure: what the kernel says last; of what was not loaded: why. */
  readonly reason?: string;
  readonly source?: CiPlace;
}

/** What is known of a record in a baseline: tables of veristat may lack any figure. */
export type CiBase = Pick<CiRecord, 'file' | 'prog' | 'kernel' | 'shape' | 'verdict'> &
  Partial<CiRecord>;

/** A source line. */
export interface CiPlace {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** How much worse a figure may get: so many percent, so many of them. */
export interface Allowance {
  readonly percent: number;
  readonly amount: number;
}

export type GatedFigure = 'insns' | 'states' | 'stack';

/** What ends a run with a finding. */
export interface Gates {
  /** 'same': no verdict may get worse. 'success': every program must load. */
  readonly verdict: 'same' | 'success';
  readonly figures: Readonly<Partial<Record<GatedFigure, Allowance>>>;
}

/** A gate that a record did not pass. */
export interface CiFinding {
  readonly record: CiBase;
  readonly base: CiBase | undefined;
  /** 'not_loaded': user space could not make it ready; 'missing': only the baseline has it. */
  readonly gate: 'verdict' | GatedFigure | 'not_loaded' | 'missing';
  /** One line for people. */
  readonly text: string;
  /** Why a list of known failures lets it pass: the run does not fail for it. */
  readonly denied?: string;
}
