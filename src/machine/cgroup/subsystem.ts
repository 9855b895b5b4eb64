import { isCgroupType, programTypeId } from '../../abi/index.ts';
import type { AttachOptions, KernelLink, RunOptions, RunResult } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import type { Subsystem } from '../subsystem.ts';
import { attachToCgroup } from './attach.ts';

/** Programs of cgroups: where they are attached. What runs them asks the tree. */
export class CgroupHooks implements Subsystem {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  serves(programType: string): boolean {
    return isCgroupType(programTypeId(programType)) && programType !== 'lsm';
  }

  /** Only packets can be given to a program by themselves: the network does that. */
  run({ spec, type }: MachineProgram, _options: RunOptions): RunResult {
    return refuse('ENOTSUPP', `program '${spec.name}': ${type.name} programs have no test run`);
  }

  attach(program: MachineProgram, options: AttachOptions): KernelLink {
    return attachToCgroup(this.#machine, program, options);
  }
}
