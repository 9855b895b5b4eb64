import type {
  AttachOptions,
  KernelLink,
  KernelProgram,
  RunOptions,
  RunResult,
} from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';

/** A loaded program: run it once, or attach it to a hook. */
export class Program implements Disposable {
  readonly kernelProgram: KernelProgram;

  constructor(kernelProgram: KernelProgram) {
    this.kernelProgram = kernelProgram;
  }

  get name(): string {
    return this.spec.name;
  }

  get spec(): ProgramSpec {
    return this.kernelProgram.spec;
  }

  get id(): number {
    return this.kernelProgram.id;
  }

  /** Runs it on one packet, outside of any hook (BPF_PROG_TEST_RUN). */
  run(options: RunOptions = {}): RunResult {
    return this.kernelProgram.run(options);
  }

  /**
   * Attaches it; the link takes it off again when disposed.
   *
   * ```ts
   * using link = programs.firewall.attach({ device: 'eth0' });
   * ```
   */
  attach(options: AttachOptions): KernelLink {
    return this.kernelProgram.attach(options);
  }

  [Symbol.dispose](): void {
    this.kernelProgram.close();
  }
}
