/** The two kernels that `diff` asks. */
import { type KernelVersion, loadTargetKernel } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { bootMachine, bpfSyscall, MachineProgram, Process } from '../machine/index.ts';
import type { DiffTarget } from '../tools/diff/index.ts';
import { verify, verifierInput } from '../verifier/index.ts';

/** A new simulated machine each time, as Linux is when it has just been booted. */
export function simulatedTarget(version: KernelVersion, logLevel: number) {
  return async (): Promise<DiffTarget> => {
    const profile = await loadTargetKernel(version);
    const options = { kernel: profile, devices: { lo: { forwarding: false } } };
    const { machine } = await bootMachine(options);
    const process = new Process(machine);
    const bpf = bpfSyscall(process);
    return {
      kernel: machine,
      run(program, attr) {
        const progFd = bpf.progGetFdById({ progId: program.id });
        const asked = { ...attr, progFd };
        const result = bpf.progTestRun(asked);
        Object.assign(attr, asked);
        process.close(progFd);
        return result;
      },
      log(object, program, result) {
        const there = 'programs' in result ? result.programs.get(program.name) : undefined;
        const loaded = there instanceof MachineProgram ? there.parts.input : undefined;
        const input = loaded ?? verifierInput(object, program, profile);
        return verify(input, profile, { logLevel }).log;
      },
    };
  };
}

/**
 * The kernel of this computer: only in a machine that was started for it. Throws KernelError
 * EOPNOTSUPP elsewhere, and what `openLinux` throws.
 */
export async function linuxTarget(setting: string | undefined, logLevel: number) {
  if (setting !== 'on') {
    const text = "--observe loads programs into this computer's kernel: BEEYARD_LINUX=on allows it";
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
  const { LinuxProgram, openLinux } = await import('../linux/index.ts');
  const { kernel } = await openLinux({ logLevel });
  return async (): Promise<DiffTarget> => ({
    kernel,
    run(program, attr) {
      if (!(program instanceof LinuxProgram)) throw new TypeError('a program of another kernel');
      const asked = { ...attr, progFd: program.fd };
      const result = program.system.bpf.progTestRun(asked);
      Object.assign(attr, asked);
      return result;
    },
    log(_, { name }, result) {
      if (!('programs' in result)) return result.log;
      const program = result.programs.get(name);
      return program instanceof LinuxProgram ? program.log : '';
    },
  });
}
