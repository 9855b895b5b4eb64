/** The machine of the studio, and what is on it, as words of an address, a test, a command. */
import { shellWord } from './share.ts';

/** Two namespaces with a cable between them, and a card to the outside. */
export const TOPOLOGY = {
  devices: {
    eth0: { addresses: ['10.0.0.1/24'] },
    veth0: {
      kind: 'veth',
      addresses: ['10.1.0.1/24'],
      peer: { name: 'eth0', namespace: 'pod', addresses: ['10.1.0.2/24'], routes: ['default'] },
    },
  },
  namespaces: { pod: {} },
  neighbours: [{ address: '10.0.0.2', device: 'eth0', hardware: '02:00:00:00:00:99' }],
} as const;

export const HOOKS = ['xdp', 'ingress', 'egress'] as const;
export type HookWord = (typeof HOOKS)[number];

/** A program at a device, as the address has it: 'x.bpf.o:prog@pod/eth0:ingress'. */
export interface Placed {
  readonly file: string;
  readonly program: string;
  readonly device: string;
  readonly hook: HookWord;
}

export const placedWord = ({ file, program, device, hook }: Placed): string =>
  `${file}:${program}@${device}:${hook}`;

/** Undefined: it is none. */
export function placedIn(word: string): Placed | undefined {
  const found = /^(.+):([\w.]+)@([\w./-]+):(xdp|ingress|egress)$/.exec(word);
  if (!found) return undefined;
  const [, file, program, device, hook] = found;
  return { file: file!, program: program!, device: device!, hook: hook as HookWord };
}

/** The order with one of its members moved by some places; the same where it cannot. */
export function movedBy<T>(order: readonly T[], index: number, by: number): T[] {
  const to = index + by;
  if (to < 0 || to >= order.length) return [...order];
  const rest = order.filter((_, i) => i !== index);
  return [...rest.slice(0, to), order[index]!, ...rest.slice(to)];
}

export interface ShownMachine {
  readonly placed: readonly Placed[];
  /** The packet that was sent last, and what became of it. */
  readonly sent?: {
    readonly device: string;
    readonly data: Uint8Array;
    readonly last: string;
  };
}

const word = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

const attachOptions = ({ device, hook }: Placed): string =>
  hook === 'xdp'
    ? `{ device: ${word(device)} }`
    : `{ device: ${word(device)}, direction: '${hook}', link: false }`;

/** The machine and its programs as a module, and the command; packets are those of a capture. */
export function machineCommand({ placed }: ShownMachine): string {
  const objects = [...new Set(placed.map(({ file }) => file))].map(shellWord).join(' ');
  const lines = placed.map(
    (one) => `  programs[${word(one.program)}].attach(${attachOptions(one)});`,
  );
  return `${[
    "cat > net.mjs <<'END'",
    `export default ${JSON.stringify(TOPOLOGY)};`,
    'export function setup({ programs }) {',
    ...lines,
    '}',
    'END',
    `beeyard net trace ${objects} --topology net.mjs --pcap in.pcap`,
  ].join('\n')}\n`;
}

/** The machine, its programs in their order, and the way the last packet ended. */
export function machineTest({ placed, sent }: ShownMachine): string {
  const names = [...new Set(placed.map(({ file }) => file))];
  const variable = (file: string) => `object${names.indexOf(file) || ''}`;
  const lines = placed.map((one) => {
    const program = `${variable(one.file)}Programs[${word(one.program)}]`;
    return `  ${program}.attach(${attachOptions(one)});`;
  });
  const hex = sent && Array.from(sent.data, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const [first, ...path] = (sent?.device ?? '').split('/').reverse();
  const device = `host.net.namespace(${word(path[0] ?? '')}).device(${word(first ?? '')})`;
  return `${[
    "import { expect, machine, test } from 'beeyard/testing';",
    ...names.map((file) => `import ${variable(file)} from './${file}';`),
    '',
    `test('the way of a packet', async () => {`,
    `  using host = await machine(${JSON.stringify(TOPOLOGY)});`,
    ...names.map(
      (file) =>
        `  const { programs: ${variable(file)}Programs } = await host.load(${variable(file)});`,
    ),
    ...lines,
    ...(sent
      ? [
          '  using trace = host.net.trace();',
          `  ${device}.receive(Buffer.from('${hex}', 'hex'));`,
          `  expect(trace.packets[0].events.at(-1)).toMatchObject({ kind: '${sent.last}' });`,
        ]
      : []),
    '});',
  ].join('\n')}\n`;
}
