import type { KernelProfile } from '../abi/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { kernelOf } from './kernel-parts.ts';
import { cardOf, cardText } from './proto-card.ts';
import { allCallNames, allContracts, contractByName, functionByName } from './proto-find.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

/** `beeyard proto`: the card of the contract of a helper, a kfunc or a function of an object. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const kernel = await kernelOf(call);
  if (call.flag('all')) return showAll(call, kernel, io);
  const [name] = call.operands;
  if (name === undefined) throw usageError('which call? a name, OBJ:FUNCTION, or --all');
  const card = cardOf(contractOf(name, kernel, io), kernel);
  if (call.json) io.out(`${toJson(card, call.flag('pretty'))}\n`);
  else io.out(cardText(card, io.columns, styleFor(io.color)));
  return EXIT.ok;
}

/** Every contract there is: as JSON the cards, else a line for each. */
function showAll(call: CommandCall, kernel: KernelProfile, io: CliIo): number {
  if (call.operands.length > 0) throw usageError('--all is for all: no name beside it');
  const cards = allContracts(kernel).map((contract) => cardOf(contract, kernel));
  if (call.json) {
    io.out(`${toJson({ kernel: kernel.release, calls: cards }, call.flag('pretty'))}\n`);
  } else {
    io.out(cards.map(({ kind, declaration }) => `${kind.padEnd(6)}  ${declaration}\n`).join(''));
  }
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
