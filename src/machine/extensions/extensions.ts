/** Programs that replace functions of others (kernel/bpf/{syscall,trampoline}.c). */
import { enums } from '../../abi/index.ts';
import { ExtendedCode } from '../../engine/index.ts';
import type { AttachOptions, RunResult } from '../../kernel/index.ts';
import { verify } from '../../verifier/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import type { Attached, Subsystem } from '../subsystem.ts';
import { extendedImage } from './image.ts';

const { BPF_LINK_TYPE_TRACING } = enums.bpf_link_type;
const THROW = 'bpf_throw';

/** A function of a program. */
interface Target {
  readonly program: MachineProgram;
  readonly btfId: number;
  readonly name: string;
  readonly start: number;
}

/** What is replaced in one program: by the function's first instruction. */
interface Extended {
  readonly functions: Map<number, MachineProgram>;
  /** The kernel forgets it with the first that leaves, and then arrays of programs take it. */
  blocked: boolean;
}

/** The hook of extensions: every function of a program that is global. */
export class Extensions implements Subsystem {
  readonly #machine: Machine;
  readonly #extended = new Map<MachineProgram, Extended>();
  /** Extensions that were attached: what they were loaded for no longer stands. */
  readonly #used = new WeakSet<MachineProgram>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  serves(programType: string): boolean {
    return programType === 'ext';
  }

  /** Whether a function of the program is replaced: arrays of programs do not take it then. */
  isExtended(program: MachineProgram): boolean {
    return this.#extended.get(program)?.blocked ?? false;
  }

  hook(program: MachineProgram, options: AttachOptions): Attached {
    if (program.expectedAttachType !== 0) refuse('EINVAL', 'an expected attach type');
    const target = this.#targetFor(program, options);
    const known = this.#extended.get(target.program);
    if (known?.functions.has(target.start)) refuse('EBUSY', `'${target.name}' is replaced already`);
    if (this.#isTailCallee(target.program))
      refuse('EBUSY', 'the target is in an array of programs');
    checkImage(program);
    const state = known ?? { functions: new Map(), blocked: true };
    state.functions.set(target.start, program);
    try {
      this.#install(target.program, state);
    } catch (error) {
      state.functions.delete(target.start);
      throw error;
    }
    state.blocked = true;
    this.#extended.set(target.program, state);
    target.program.hold();
    this.#used.add(program);
    return {
      type: BPF_LINK_TYPE_TRACING,
      info: {
        'tracing.attach_type': 0,
        'tracing.target_obj_id': target.program.id,
        'tracing.target_btf_id': target.btfId,
      },
      detach: () => this.#leave(target),
    };
  }

  #leave(target: Target): void {
    const state = this.#extended.get(target.program)!;
    state.functions.delete(target.start);
    state.blocked = false;
    this.#install(target.program, state);
    if (state.functions.size === 0) this.#extended.delete(target.program);
    target.program.drop();
  }

  /** What it was loaded for, until it was attached once; else what the caller names, if it fits. */
  #targetFor(program: MachineProgram, { target, targetFunction }: AttachOptions): Target {
    const own = program.parts.target;
    const loaded = own && !this.#used.has(program) ? own : undefined;
    if (!target) {
      if (!loaded) refuse('EINVAL', 'it was attached before: say what to');
      return functionOf(loaded, program.parts.input?.attachBtfId ?? program.spec.attachTarget ?? 0);
    }
    const wanted = functionOf(
      target as MachineProgram,
      targetFunction ?? program.spec.attachTarget!,
    );
    const same = loaded === wanted.program && program.parts.input?.attachBtfId === wanted.btfId;
    if (!same) this.#checkFits(program, wanted);
    return wanted;
  }

  /** bpf_check_attach_target of a program that is loaded already. */
  #checkFits(program: MachineProgram, { program: target, btfId, name }: Target): void {
    const { parts } = program;
    const other = parts.target;
    if (other && (other.typeId !== target.typeId || !sameAttach(other, target))) {
      refuse('EINVAL', `'${name}' is of a program of another type`);
    }
    const { rules } = this.#machine.settings;
    if (!rules || !parts.input) return;
    if (!target.parts.input) refuse('EINVAL', 'the target was loaded unseen');
    const attachProgram = { input: target.parts.input, btfId };
    const result = verify({ ...parts.input, attachBtfId: btfId, attachProgram }, rules);
    if (!result.ok) refuse(result.errnoName, result.reason?.text);
  }

  /** bpf_freplace_check_tgt_prog */
  #isTailCallee(program: MachineProgram): boolean {
    for (const { facts, contents } of this.#machine.objects.maps) {
      if (!facts.tailCalls) continue;
      for (const object of contents.values()) if (object === program) return true;
    }
    return false;
  }

  /** Compiles the program with what replaces its functions, or takes its own code again. */
  #install(program: MachineProgram, { functions }: Extended): void {
    const { parts } = program;
    if (functions.size === 0) return program.exchange(undefined);
    if ((parts.spec.staticBranches ?? []).length > 0) {
      refuse('EOPNOTSUPP', 'the code of the target follows static keys');
    }
    const all = [...functions].map(([start, { parts: by }]) => ({ start, image: by.code.image }));
    const code = parts.compile(extendedImage(parts.code.image, all));
    program.exchange(undefined);
    program.exchange(new ExtendedCode(parts.code, code, this.#machine.runtime));
  }

  /** Linux has no test run for them. */
  run({ spec }: MachineProgram): RunResult {
    return refuse('ENOTSUPP', `program '${spec.name}' runs in place of another's function`);
  }
}

const sameAttach = (one: MachineProgram, other: MachineProgram): boolean =>
  one.expectedAttachType === other.expectedAttachType;

/** By its BTF id or its name. Throws KernelError EINVAL, ENOENT. */
function functionOf(program: MachineProgram, wanted: number | string): Target {
  const { spec, input, code } = program.parts;
  const types = input?.btf;
  const name = typeof wanted === 'string' ? wanted : nameAt(types, wanted);
  const found = code.image.functions.find((one) => one.name === name);
  if (!found) refuse('EINVAL', `program '${spec.name}' has no function '${name}'`);
  const btfId = typeof wanted === 'number' ? wanted : (types?.find('func', name) ?? 0);
  return { program, btfId, name, start: found.start };
}

function nameAt(
  btf: { readonly count: number; type(id: number): { name: string } } | undefined,
  id: number,
): string {
  if (!btf || id <= 0 || id >= btf.count) refuse('EINVAL', `there is no type ${id}`);
  return btf.type(id).name;
}

/** What throws ends its own frames, which are not the target's. */
function checkImage({ parts }: MachineProgram): void {
  const throws = parts.code.image.kfuncs?.some(({ name }) => name === THROW);
  if (throws) refuse('EOPNOTSUPP', 'an extension that throws');
}
