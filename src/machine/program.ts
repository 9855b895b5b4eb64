import { programRules, programTypeId, type ProgramTypeDef } from '../abi/index.ts';
import type { LoadedCode, ProgramImage } from '../engine/index.ts';
import type {
  AttachOptions,
  KernelLink,
  KernelProgram,
  ProgramVerification,
  RunOptions,
  RunResult,
} from '../kernel/index.ts';
import { type ProgramSpec, programTag, type RelocatedProgram } from '../object/index.ts';
import type { Token } from '../security/index.ts';
import type { VerifierCapabilities, VerifierInput } from '../verifier/index.ts';
import type { MachineMap } from './map.ts';
import type { BtfObject } from './objects/btf.ts';
import { KernelObject } from './objects/object.ts';
import { CountedCode, type RunStats } from './objects/run-stats.ts';

/** What a program asks its machine to do for it. */
export interface ProgramHost {
  run(program: MachineProgram, options: RunOptions): RunResult;
  attach(program: MachineProgram, options: AttachOptions): KernelLink;
  /** A function of it is replaced. */
  isExtended(program: MachineProgram): boolean;
  /** Nobody holds it any more. */
  unload(program: MachineProgram): void;
  /** Whether its code is needed when nobody else holds it: the hold is the host's then. */
  keeps(program: MachineProgram): boolean;
}

/** A device that a program may be bound to. */
export interface BoundDevice {
  readonly path: string;
}

/** A program that is fitted to the kernel; only its maps are still open. */
export type Adapted = Pick<RelocatedProgram, 'insns' | 'relocations' | 'modules'>;

/** What a program is made of. It takes over the caller's holds on maps, BTF and target. */
export interface ProgramParts {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly type: ProgramTypeDef;
  readonly code: LoadedCode;
  readonly verification: ProgramVerification | undefined;
  /** As BPF_PROG_LOAD got it: instructions, and what is to be filled in. */
  readonly adapted: Adapted;
  /** What the verifier saw; undefined if it was loaded unseen. */
  readonly input: VerifierInput | undefined;
  readonly license: string;
  readonly maps: readonly MachineMap[];
  readonly btf: BtfObject | undefined;
  /** What its code is of: an extension's is of the type of its target. */
  readonly runsAs: ProgramTypeDef;
  /** Compiles another image with the options of this program. */
  readonly compile: (image: ProgramImage) => LoadedCode;
  /** The program it was loaded for. */
  readonly target?: MachineProgram | undefined;
  /** Its places in the table of functions, in the order in which they were asked for. */
  readonly slots: readonly number[];
  /** Nanoseconds since the machine started. */
  readonly loadTime: bigint;
  readonly uid: number;
  /** It was loaded with. */
  readonly token?: Token | undefined;
  /** What its loader might do; undefined: all. */
  readonly capabilities?: VerifierCapabilities | undefined;
  /** The network device it is for alone. */
  readonly bound?: BoundDevice | undefined;
}

/** A loaded program of the simulated kernel. */
export class MachineProgram extends KernelObject implements KernelProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly type: ProgramTypeDef;
  /** What runs: the engine's, or that with a count of runs around it. */
  code: LoadedCode;
  readonly verification: ProgramVerification | undefined;
  readonly parts: ProgramParts;
  readonly stats: RunStats = { count: 0, time: 0, misses: 0 };
  readonly #host: ProgramHost;
  /** Maps that were bound to it later (BPF_PROG_BIND_MAP). */
  readonly #bound: MachineMap[] = [];
  /** Its code with functions of others in it. */
  #extended: LoadedCode | undefined;
  #counted = false;
  #tag: string | undefined;
  #closed = false;
  #holdsTarget: boolean;

  constructor(parts: ProgramParts, host: ProgramHost) {
    super();
    this.parts = parts;
    this.id = parts.id;
    this.spec = parts.spec;
    this.type = parts.type;
    this.code = parts.code;
    this.verification = parts.verification;
    this.#host = host;
    this.#holdsTarget = parts.target !== undefined;
  }

  /** The verifier has seen this program: it runs without checks of its accesses. */
  get verified(): boolean {
    return this.verification !== undefined;
  }

  /** BPF_PROG_TYPE_* */
  get typeId(): number {
    return programTypeId(this.type.name)!;
  }

  /** The network device it is for alone. */
  get bound(): BoundDevice | undefined {
    return this.parts.bound;
  }

  /** The program it attaches to if nobody says another: that it was loaded for, once. */
  get target(): MachineProgram | undefined {
    return this.#holdsTarget ? this.parts.target : undefined;
  }

  /** It was attached: from now on its link holds what it is at. */
  releaseTarget(): void {
    if (!this.#holdsTarget) return;
    this.#holdsTarget = false;
    this.parts.target?.drop();
  }

  get expectedAttachType(): number {
    return this.parts.input?.expectedAttachType ?? 0;
  }

  /** What Linux calls it: 15 characters at most. */
  get kernelName(): string {
    return this.spec.name.slice(0, 15);
  }

  get maps(): readonly MachineMap[] {
    return [...this.parts.maps, ...this.#bound];
  }

  /** 16 hexadecimal digits. */
  get tag(): string {
    return (this.#tag ??= programTag(this.parts.adapted.insns));
  }

  /** The kernel has a hook of this kind by BTF. */
  get attachesByBtf(): boolean {
    return programRules(this.typeId)?.attachesByBtf === true;
  }

  /**
   * The errno of putting it into an array for tail calls: extensions never go there, nor programs
   * that are extended.
   */
  get refusedAsCallee(): string | undefined {
    if (this.typeId !== this.parts.runsAs.id) return 'EINVAL';
    return this.#host.isExtended(this) ? 'EBUSY' : undefined;
  }

  /** Uses the map from now on, without having a load of it. */
  bind(map: MachineMap): void {
    if (!this.maps.includes(map)) this.#bound.push(map.hold());
  }

  /** From now on runs are counted, or no longer. */
  count(on: boolean): void {
    this.#counted = on;
    const code = this.#extended ?? this.parts.code;
    this.code = on ? new CountedCode(code, this.stats) : code;
  }

  /** This is what runs from now on; undefined: its own code again. Disposes of what ran before. */
  exchange(code: LoadedCode | undefined): void {
    this.#extended?.dispose();
    this.#extended = code;
    this.count(this.#counted);
  }

  run(options: RunOptions = {}): RunResult {
    return this.#host.run(this, options);
  }

  attach(options: AttachOptions): KernelLink {
    return this.#host.attach(this, options);
  }

  /** Gives the handle up; links, arrays of programs and pins may hold the program still. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.drop();
  }

  /** The last one ends it, unless timers lead to it: they take the hold over. */
  override drop(): void {
    if (this.holders === 1 && this.#host.keeps(this)) return;
    super.drop();
  }

  /** The handle was given up. */
  get closed(): boolean {
    return this.#closed;
  }

  protected end(): void {
    this.#host.unload(this);
    for (const map of this.maps) map.drop();
    this.parts.btf?.drop();
    this.releaseTarget();
  }
}
