import { ExtendedCode, type ProgramImage } from '../../engine/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import { extendedImage, type Replacement } from './image.ts';
import type { Target } from './target.ts';
import { around, type Trampoline, Trampolines } from './trampoline.ts';

/** What is changed in one program: by the function's first instruction. */
interface Changed {
  /** What is in the place of functions. */
  readonly replaced: Map<number, MachineProgram>;
  /** What is around them. A function is the one or the other. */
  readonly traced: Map<number, Trampoline>;
  /** The kernel forgets it with the first that leaves, and then arrays of programs take it. */
  blocked: boolean;
}

/** Functions of programs that others stand in place of, or around, and the code that makes. */
export class ChangedPrograms {
  readonly #machine: Machine;
  readonly #trampolines: Trampolines;
  readonly #changed = new Map<MachineProgram, Changed>();

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#trampolines = new Trampolines(machine.runtime, machine.settings.rules);
  }

  /** A function of the program is replaced: arrays of programs do not take it then. */
  isExtended(program: MachineProgram): boolean {
    return this.#changed.get(program)?.blocked ?? false;
  }

  /** Throws KernelError EBUSY for a function that others are at. */
  checkFree({ program, start, name }: Target): void {
    const known = this.#changed.get(program);
    if (known?.replaced.has(start)) refuse('EBUSY', `'${name}' is replaced already`);
    if (known?.traced.has(start)) refuse('EBUSY', `'${name}' is traced`);
  }

  /** The program stands in place of the function. Throws KernelError. */
  replace({ program, start }: Target, by: MachineProgram): () => void {
    const state = this.#at(program);
    this.#change(
      program,
      () => void state.replaced.set(start, by),
      () => {
        state.replaced.delete(start);
      },
    );
    state.blocked = true;
    return () => {
      state.replaced.delete(start);
      state.blocked = false;
      this.#install(program);
    };
  }

  /** bpf_trampoline_link_prog. Throws KernelError EBUSY, E2BIG. */
  trace(target: Target, by: MachineProgram, when: 'fentry' | 'fexit'): () => void {
    const { program, start, name } = target;
    const state = this.#at(program);
    if (state.replaced.has(start)) refuse('EBUSY', `'${name}' is replaced`);
    const known = state.traced.get(start);
    if (known?.full) refuse('E2BIG', `too many programs at '${name}'`);
    const trampoline = known ?? this.#trampolines.make(target);
    trampoline[when] = [by, ...trampoline[when]];
    const leave = () => {
      trampoline[when] = trampoline[when].filter((one) => one !== by);
      if (trampoline.size > 0) return;
      state.traced.delete(start);
      this.#trampolines.forget(trampoline);
      this.#install(program);
    };
    if (!known) this.#change(program, () => void state.traced.set(start, trampoline), leave);
    return leave;
  }

  #at(program: MachineProgram): Changed {
    let state = this.#changed.get(program);
    if (!state) {
      state = { replaced: new Map(), traced: new Map(), blocked: false };
      this.#changed.set(program, state);
    }
    return state;
  }

  #change(program: MachineProgram, make: () => void, undo: () => void): void {
    make();
    try {
      this.#install(program);
    } catch (error) {
      undo();
      throw error;
    }
  }

  /** Compiles the program with what is changed in it, or takes its own code again. */
  #install(program: MachineProgram): void {
    const { parts } = program;
    const state = this.#at(program);
    const changes = state.replaced.size + state.traced.size;
    if (changes === 0) this.#changed.delete(program);
    if (parts.runsAs !== parts.type) return this.#installAround(program);
    if (changes === 0) return program.exchange(undefined);
    const code = parts.compile(this.#imageOf(program));
    program.exchange(undefined);
    program.exchange(new ExtendedCode(parts.code, code, this.#machine.runtime));
  }

  /** An extension runs as a part of others: they change with it. */
  #installAround(extension: MachineProgram): void {
    for (const [program, { replaced }] of this.#changed) {
      if ([...replaced.values()].includes(extension)) this.#install(program);
    }
  }

  #imageOf(program: MachineProgram): ProgramImage {
    const { parts } = program;
    const state = this.#changed.get(program);
    if (!state) return parts.code.image;
    if ((parts.spec.staticBranches ?? []).length > 0) {
      refuse('EOPNOTSUPP', 'the code of the target follows static keys');
    }
    const { image } = parts.code;
    const all: Replacement[] = [
      ...[...state.replaced].map(([start, by]) => ({ start, image: this.#imageOf(by) })),
      ...[...state.traced].map(([start, one]) => ({ start, ...around(image, one) })),
    ];
    return extendedImage(image, all);
  }
}
