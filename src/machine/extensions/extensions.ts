/** Programs at functions of others: in their place, or around them (kernel/bpf/trampoline.c). */
import { constants, enums } from '../../abi/index.ts';
import type { AttachOptions, RunResult } from '../../kernel/index.ts';
import { verify } from '../../verifier/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import type { Attached, Subsystem } from '../subsystem.ts';
import { ChangedPrograms } from './changes.ts';
import { functionOf, type Target } from './target.ts';

const { BPF_LINK_TYPE_TRACING } = enums.bpf_link_type;
const { BPF_TRACE_FENTRY, BPF_TRACE_FEXIT } = constants;
const THROW = 'bpf_throw';

/** The hook of extensions and of what traces programs: every function that BTF tells of. */
export class Extensions implements Subsystem {
  readonly #machine: Machine;
  readonly #changes: ChangedPrograms;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#changes = new ChangedPrograms(machine);
  }

  /** Programs that trace others come here by their target. */
  serves(programType: string): boolean {
    return programType === 'ext';
  }

  /** Whether a function of the program is replaced: arrays of programs do not take it then. */
  isExtended(program: MachineProgram): boolean {
    return this.#changes.isExtended(program);
  }

  hook(program: MachineProgram, options: AttachOptions): Attached {
    const target = this.#targetFor(program, options);
    const leave =
      program.type.name === 'ext' ? this.#replace(program, target) : this.#trace(program, target);
    target.program.hold();
    program.releaseTarget();
    return {
      type: BPF_LINK_TYPE_TRACING,
      info: {
        'tracing.attach_type': program.expectedAttachType,
        'tracing.target_obj_id': target.program.id,
        'tracing.target_btf_id': target.btfId,
      },
      detach: () => {
        leave();
        target.program.drop();
      },
    };
  }

  #replace(program: MachineProgram, target: Target): () => void {
    this.#changes.checkFree(target);
    if (this.#isTailCallee(target.program))
      refuse('EBUSY', 'the target is in an array of programs');
    checkImage(program);
    return this.#changes.replace(target, program);
  }

  /** Threads that join run programs without what JavaScript has of the functions. */
  #trace(program: MachineProgram, target: Target): () => void {
    const { shared } = this.#machine.runtime.options;
    if (shared) refuse('EOPNOTSUPP', 'a machine with several threads traces no programs');
    return this.#changes.trace(target, program, momentOf(program));
  }

  /**
   * What it was loaded for, until it was attached once; else what the caller names, if it fits.
   * Mirrors bpf_tracing_prog_attach.
   */
  #targetFor(program: MachineProgram, { target, targetFunction }: AttachOptions): Target {
    const { parts, target: loaded } = program;
    const isExtension = program.type.name === 'ext';
    if (isExtension && program.expectedAttachType !== 0) refuse('EINVAL', 'an attach type');
    if (target && !isExtension) refuse('EINVAL', 'only extensions go to another target');
    const wantedFunction = parts.input?.attachBtfId ?? program.spec.attachTarget ?? 0;
    if (!target) {
      if (!loaded) refuse('EINVAL', 'it was attached before: say what to');
      return functionOf(loaded, wantedFunction);
    }
    const wanted = functionOf(
      target as MachineProgram,
      targetFunction ?? program.spec.attachTarget ?? 0,
    );
    const same = loaded === wanted.program && parts.input?.attachBtfId === wanted.btfId;
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

  /** Linux has no test run for extensions, and that of what traces runs the kernel's functions. */
  run({ spec }: MachineProgram): RunResult {
    return refuse('ENOTSUPP', `program '${spec.name}' runs with another's function`);
  }
}

/** BPF_MODIFY_RETURN never gets here: the verifier refuses it for functions of programs. */
function momentOf({ expectedAttachType, spec }: MachineProgram): 'fentry' | 'fexit' {
  const type = expectedAttachType || (spec.attachType === 'trace_fexit' ? BPF_TRACE_FEXIT : 0);
  if (type === BPF_TRACE_FEXIT) return 'fexit';
  if (type === BPF_TRACE_FENTRY || spec.attachType === 'trace_fentry') return 'fentry';
  return refuse('EINVAL', `program '${spec.name}' is for no function of a program`);
}

const sameAttach = (one: MachineProgram, other: MachineProgram): boolean =>
  one.expectedAttachType === other.expectedAttachType;

/** What throws ends its own frames, which are not the target's. */
function checkImage({ parts }: MachineProgram): void {
  const throws = parts.code.image.kfuncs?.some(({ name }) => name === THROW);
  if (throws) refuse('EOPNOTSUPP', 'an extension that throws');
}
