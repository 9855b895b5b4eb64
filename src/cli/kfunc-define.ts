import {
  type KernelProfile,
  kfuncModule,
  kfuncSpelling,
  loadKernelProfile,
  type OwnKfunc,
} from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { openBtf, printRaw } from '../btf/index.ts';
import { kfuncsOf, problemsOf } from './kfunc-file.ts';
import { kfuncHeader, kfuncStub } from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard kfunc define`: kernel functions defined in a module of JavaScript, as C or as BTF. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [file] = call.operands;
  const kfuncs = await kfuncsOf(file!, io);
  const kernel = await loadKernelProfile();
  const name = call.text('name') ?? 'own_kfuncs';
  const problems = problemsOf(kfuncs);
  if (call.flag('portable') && problems.length > 0) {
    for (const words of problems) io.err(`${words}\n`);
    return EXIT.finding;
  }
  io.out(render(call, kernel, kfuncs, name));
  for (const words of problems) io.err(`not portable: ${words}\n`);
  return EXIT.ok;
}

function render(
  call: CommandCall,
  kernel: KernelProfile,
  kfuncs: readonly OwnKfunc[],
  name: string,
): string {
  const module = made(() => kfuncModule(kernel.btf(), kfuncs, name));
  if (call.json) {
    const { kfuncs: sets } = module;
    const rows = kfuncs.map((own) => ({ name: own.name, ...kfuncSpelling(own) }));
    return `${toJson({ name, kfuncs: rows, sets }, call.flag('pretty'))}\n`;
  }
  switch (call.text('output') ?? 'header') {
    case 'stub':
      return kfuncStub(kfuncs, name);
    case 'btf':
      return printRaw(openBtf(module.btf as Uint8Array, kernel.btf()));
    default:
      return kfuncHeader(kfuncs, name);
  }
}

/** What no kernel has is the user's mistake. */
function made<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof KernelError) throw new CliError(EXIT.finding, error.message);
    throw error;
  }
}
