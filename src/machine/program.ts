import type { ProgramTypeDef } from '../abi/index.ts';
import type { LoadedCode } from '../engine/index.ts';
import type {
  AttachOptions,
  KernelLink,
  KernelProgram,
  ProgramVerification,
  RunOptions,
  RunResult,
} from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';

/** What a program asks its machine to do for it. */
export interface ProgramHost {
  run(program: MachineProgram, options: RunOptions): RunResult;
  attach(program: MachineProgram, options: AttachOptions): KernelLink;
  unload(program: MachineProgram): void;
}

/** A loaded program of the simulated kernel. */
export class MachineProgram implements KernelProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly type: ProgramTypeDef;
  readonly code: LoadedCode;
  readonly verification: ProgramVerification | undefined;
  readonly #host: ProgramHost;
  /** Who loaded it, links and maps: it is there until the last of them lets go. */
  #holders = 1;
  #closed = false;

  constructor(
    id: number,
    spec: ProgramSpec,
    type: ProgramTypeDef,
    code: LoadedCode,
    verification: ProgramVerification | undefined,
    host: ProgramHost,
  ) {
    this.id = id;
    this.spec = spec;
    this.type = type;
    this.code = code;
    this.verification = verification;
    this.#host = host;
  }

  /** The verifier has seen this program: it runs without checks of its accesses. */
  get verified(): boolean {
    return this.verification !== undefined;
  }

  run(options: RunOptions = {}): RunResult {
    return this.#host.run(this, options);
  }

  attach(options: AttachOptions): KernelLink {
    return this.#host.attach(this, options);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.drop();
  }

  /** Somebody holds it still: it has code. */
  get loaded(): boolean {
    return this.#holders > 0;
  }

  /** One more that needs it: bpf_prog_inc. */
  hold(): void {
    this.#holders++;
  }

  /** One less: bpf_prog_put. The last one unloads it. */
  drop(): void {
    if (--this.#holders === 0) this.#host.unload(this);
  }
}
