/** `ip`: the network of a machine in iproute2's words. */
import type { Session, Output } from './machine-file.ts';
import { onMachine } from './machine-file.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { type IpCall, take } from './ip-words.ts';
import { addAddress, removeAddress, showAddresses } from './ip-address.ts';
import { addLink, removeLink, setLink, showLinks } from './ip-link.ts';
import {
  addNeighbour,
  addRoute,
  getRoute,
  removeRoute,
  showNeighbours,
  showRoutes,
} from './ip-route.ts';

interface Action {
  readonly run: (call: IpCall) => Output | undefined;
  readonly changes: boolean;
}

const change = (run: Action['run']): Action => ({ run, changes: true });
const look = (run: Action['run']): Action => ({ run, changes: false });

const ACTIONS: Readonly<Record<string, Readonly<Record<string, Action>>>> = {
  netns: {
    add: change(({ session, words }) => void session.network.addNamespace(take(words, 'a name'))),
    delete: change(({ session, words }) => {
      session.network.removeNamespace(take(words, 'a name'));
      return undefined;
    }),
    list: look(({ session }) => listNamespaces(session)),
  },
  link: {
    add: change(addLink),
    delete: change(removeLink),
    set: change(setLink),
    show: look(showLinks),
  },
  address: { add: change(addAddress), delete: change(removeAddress), show: look(showAddresses) },
  route: {
    add: change(addRoute),
    delete: change(removeRoute),
    get: look(getRoute),
    show: look(showRoutes),
  },
  neighbour: { add: change(addNeighbour), show: look(showNeighbours) },
};

/** As iproute2 has them: the first that begins so. */
const OTHER_WORDS: Readonly<Record<string, string>> = { neighbor: 'neighbour', ls: 'list' };

/** `ip [-n NAME] OBJECT COMMAND …` */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  const words = [...call.operands];
  const object = complete(words.shift()!, Object.keys(ACTIONS), 'object');
  const commands = ACTIONS[object]!;
  const shown = 'show' in commands ? 'show' : 'list';
  const asked = words.shift() ?? shown;
  const word = asked === 'list' || asked === 'ls' ? shown : asked;
  const action = commands[complete(word, Object.keys(commands), 'command')]!;
  return onMachine(call, io, {
    changes: action.changes,
    run(session) {
      const net = session.network.namespace(call.text('netns') ?? '');
      const output = action.run({ session, net, words });
      if (words.length > 0) throw usageError(`'ip ${object}' does not know '${words[0]}' here`);
      return output ?? {};
    },
  });
}

function complete(word: string, known: readonly string[], what: string): string {
  const meant = OTHER_WORDS[word] ?? word;
  const found = known.find((one) => one === meant) ?? known.find((one) => one.startsWith(meant));
  if (found && meant !== '') return found;
  throw usageError(`ip: ${what} '${word}' is none of: ${known.join(', ')}`);
}

function listNamespaces({ network }: Session): Output {
  const names = network.namespaceNames.filter((name) => name !== '');
  return {
    json: names.map((name) => ({ name })),
    text: names.map((name) => `${name}\n`).join(''),
  };
}
