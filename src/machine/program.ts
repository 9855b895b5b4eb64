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

/** A device that a program may be bound to. */
export interface BoundDevice {
  readonly path: string;
}

/** A loaded program of the simulated kernel. */
export class MachineProgram implements KernelProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly type: ProgramTypeDef;
  readonly code: LoadedCode;
  readonly verification: ProgramVerification | undefined;
  /** The network device it is for alone. */
  readonly bound: BoundDevice | undefined;
  readonly #host: ProgramHost;

  constructor(
    id: number,
    spec: ProgramSpec,
    type: ProgramTypeDef,
    code: LoadedCode,
    verification: ProgramVerification | undefined,
    host: ProgramHost,
    bound?: BoundDevice,
  ) {
    this.id = id;
    this.spec = spec;
    this.type = type;
    this.code = code;
    this.verification = verification;
    this.#host = host;
    this.bound = bound;
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
    this.#host.unload(this);
  }
}
