import type { AttachOptions, KernelLink, KernelProgram } from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';
import type { AttachArgumentsOf, RunOptionsOf, RunResultOf } from './program-types.ts';

/**
 * A loaded program: run it once, or attach it to a hook. `Type` is the word of its type ('xdp',
 * 'sched_cls', …), where it is known when the TypeScript is compiled: it says which options make
 * sense and which verdicts there are.
 */
export class Program<Type extends string = string> implements Disposable {
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
  run(...[options]: RunOptionsOf<Type>): RunResultOf<Type> {
    return this.kernelProgram.run(options) as RunResultOf<Type>;
  }

  /**
   * Attaches it; the link takes it off again when disposed.
   *
   * ```ts
   * using link = programs.firewall.attach({ device: 'eth0' });
   * ```
   */
  attach(...[options]: AttachArgumentsOf<Type>): KernelLink {
    return this.kernelProgram.attach(withKernelPrograms(options ?? {}));
  }

  [Symbol.dispose](): void {
    this.kernelProgram.close();
  }
}

const ANCHORS = ['before', 'after', 'replace', 'target'] as const;

/** Programs of this room stand for those of the kernel. */
function withKernelPrograms(options: WithAnchors & object): AttachOptions {
  const changed: Record<string, unknown> = {};
  for (const name of ANCHORS) {
    const anchor = options[name];
    if (anchor instanceof Program) changed[name] = anchor.kernelProgram;
  }
  return { ...options, ...changed } as AttachOptions;
}

type WithAnchors = { readonly [name in (typeof ANCHORS)[number]]?: unknown };
