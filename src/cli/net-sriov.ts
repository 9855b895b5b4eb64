/** `beeyard net sriov report`: what of virtual functions is seen, and what is missed. */
import { Host } from '../client/index.ts';
import { bootMachine, type EngineName } from '../machine/index.ts';
import {
  type BootCard,
  BUILT_IN,
  type FoundFunction,
  functionsIn,
  type ModeReport,
  readDevlinkPorts,
  readIpLink,
  readScenario,
  REPORT_MODES,
  type ReportMode,
  scenarioLike,
  type SriovScenario,
  sriovReport,
} from '../tools/sriov/index.ts';
import { FormatError } from '../base/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { type Column, formatRows, grouped, percent } from './table.ts';

const TITLES: Readonly<Record<ReportMode, string>> = {
  legacy: 'legacy: the card forwards by address and VLAN',
  switchdev: 'switchdev: everything by the representors',
  offload: 'switchdev with rules in the card for some flows',
};
const NOTE =
  'driver: fentry and tp_btf in the host, functions passed to virtual machines;\n' +
  'driver ns: the same, functions in network namespaces of the host';

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const found = readInventory(call, io);
  const scenario = scenarioFor(call, io, found);
  const wanted = call.text('mode') ?? 'all';
  const modes = REPORT_MODES.filter((mode) => wanted === 'all' || mode === wanted);
  const boot = bootWith((call.text('engine') ?? 'wasm') as EngineName);
  const reports: ModeReport[] = [];
  for (const mode of modes) reports.push(await sriovReport(scenario, mode, boot));
  if (call.json) {
    const json = { ...(found ? { functions: found } : {}), modes: reports };
    io.out(`${JSON.stringify(json, undefined, call.flag('pretty') ? 2 : undefined)}\n`);
    return EXIT.ok;
  }
  const style = styleFor(io.color);
  if (found) io.out(inventoryText(found, io, style));
  for (const report of reports) io.out(reportText(report, io, style));
  io.out(`${style.dim(NOTE)}\n`);
  return EXIT.ok;
}

const bootWith =
  (engine: EngineName): BootCard =>
  async (eth0, names) => {
    const namespaces = Object.fromEntries(names.map((name) => [name, {}]));
    const { machine, network } = await bootMachine({ engine, devices: { eth0 }, namespaces });
    return new Host(machine, network.devices, network);
  };

const textOf = (path: string, io: CliIo) => new TextDecoder().decode(readBytes(path, io));

/** Names the file in what a reader says of it. */
function reading<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.reason}`, undefined, { cause: error });
  }
}

function readInventory(call: CommandCall, io: CliIo): FoundFunction[] | undefined {
  const links = call.text('links');
  const ports = call.text('ports');
  if (links === undefined) {
    if (ports !== undefined) throw usageError('--ports goes with --links');
    return undefined;
  }
  const text = textOf(links, io);
  const listed = reading(links, () => readIpLink(text));
  const known = ports === undefined ? [] : readPorts(ports, io);
  const found = functionsIn(listed, known);
  if (found.length > 0) return found;
  throw new CliError(EXIT.input, `${links}: no link has virtual functions (vfinfo_list)`);
}

function readPorts(path: string, io: CliIo) {
  const text = textOf(path, io);
  return reading(path, () => readDevlinkPorts(text));
}

function scenarioFor(
  call: CommandCall,
  io: CliIo,
  found: readonly FoundFunction[] | undefined,
): SriovScenario {
  const [path] = call.operands;
  if (path === undefined) {
    const first = found?.[0]?.pf;
    return found ? scenarioLike(found.filter(({ pf }) => pf === first)) : BUILT_IN;
  }
  const text = textOf(path, io);
  return reading(path, () => readScenario(jsonOf(text)));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError('SR-IOV scenario', 0, `no JSON: ${(error as Error).message}`);
  }
}

const FOUND: readonly Column[] = [
  { head: 'function' },
  { head: 'address' },
  { head: 'sent', right: true },
  { head: 'got', right: true },
  { head: 'programs can be at' },
];

function inventoryText(found: readonly FoundFunction[], io: CliIo, style: Style): string {
  const rows = found.map(({ pf, vf, address, counters, representor }) => [
    `${pf} vf ${vf}`,
    address ?? '–',
    counters ? grouped(counters.txBytes) : '–',
    counters ? grouped(counters.rxBytes) : '–',
    representor ?? 'nothing: no representor',
  ]);
  const heading = style.bold('functions of that machine (bytes polled there)');
  return `${heading}\n${formatRows(FOUND, rows, io.columns, style.dim)}\n`;
}

const COLUMNS: readonly Column[] = [
  { head: 'vf' },
  { head: 'way' },
  { head: 'bytes', right: true },
  { head: 'polled', right: true },
  { head: 'tcx', right: true },
  { head: 'rules', right: true },
  { head: 'driver', right: true },
  { head: 'driver ns', right: true },
  { head: 'tcx misses', right: true },
];
const FLOW_COLUMNS: readonly Column[] = [
  { head: 'vf' },
  { head: '5-tuples', right: true },
  { head: 'polled', right: true },
  { head: 'tcx', right: true },
  { head: 'rules', right: true },
  { head: 'driver', right: true },
  { head: 'driver ns', right: true },
];

function reportText({ mode, vfs, polls }: ModeReport, io: CliIo, style: Style): string {
  const rows = vfs.flatMap(({ vf, truth, poll, tcx, rules, driver, ownDriver }) =>
    (['tx', 'rx'] as const).map((way) => [
      String(vf),
      way,
      grouped(truth[way]),
      grouped(poll[way]),
      grouped(tcx[way]),
      grouped(rules[way]),
      grouped(driver[way]),
      grouped(ownDriver[way]),
      percent(truth[way] - tcx[way], truth[way]),
    ]),
  );
  const flows = vfs.map(({ vf, truth, poll, tcx, rules, driver, ownDriver }) =>
    [vf, truth, poll, tcx, rules, driver, ownDriver].map((view) =>
      String(typeof view === 'number' ? view : view.flows),
    ),
  );
  const heading = `${style.bold(TITLES[mode])} ${style.dim(`(counters read ${polls} times)`)}`;
  const bytes = formatRows(COLUMNS, rows, io.columns, style.dim);
  return `${heading}\n${bytes}\n${formatRows(FLOW_COLUMNS, flows, io.columns, style.dim)}\n`;
}
