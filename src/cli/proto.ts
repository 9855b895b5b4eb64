import type { KernelProfile } from '../abi/index.ts';
import { loadKernelProfile } from '../abi/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { cardOf, cardText } from './proto-card.ts';
import { allCallNames, contractByName, functionByName } from './proto-find.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

/** `beeyard proto`: the card of the contract of a helper, a kfunc or a function of an object. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const kernel = await loadKernelProfile();
  const card = cardOf(contractOf(call.operands[0]!, kernel, io), kernel);
  if (call.json) io.out(`${toJson(card, call.flag('pretty'))}\n`);
  else io.out(cardText(card, io.columns, styleFor(io.color)));
  return EXIT.ok;
}

function contractOf(name: string, kernel: KernelProfile, io: CliIo) {
  const split = name.lastIndexOf(':');
  if (split > 0) return functionByName(name.slice(0, split), name.slice(split + 1), kernel, io);
  const contract = contractByName(name, kernel);
  if (contract) return contract;
  const hint = didYouMean(name, allCallNames(kernel));
  throw usageError(`Linux 6.12 has no helper or kfunc '${name}'${hint}`);
}
