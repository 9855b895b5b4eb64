/** Programs of a running kernel. */
import { programTypeName, succeed } from '../../abi/index.ts';
import { hexBytes } from '../../base/index.ts';
import { loadObject } from '../../client/index.ts';
import {
  attachesItself,
  Info,
  infoPart,
  type LinuxKernel,
  type LinuxLink,
  type LinuxMap,
  type LinuxProgram,
} from '../../linux/index.ts';
import type { CommandCall } from '../command.ts';
import { readObject } from '../files.ts';
import { parseGlobals } from '../inputs.ts';
import type { CliIo } from '../io.ts';
import type { Output } from '../machine-file.ts';
import {
  attachTypeNamed,
  programsToLoad,
  programText,
  type ShownProgram,
  takeLoadWords,
  takeRunWords,
  testRun,
} from '../prog-words.ts';
import { dump } from './dump.ts';
import { descriptorFacts, noMore, type Noun, pin, show, takeOne } from './choice.ts';

/** When this computer booted, in nanoseconds since 1970. */
const bootTime = (): number => 1e6 * Date.now() - Number(process.hrtime.bigint());

function programJson({ system }: LinuxKernel, fd: number): ShownProgram {
  const info = new Info(system, fd, 'prog');
  const number = (name: string): number => info.number(name);
  const facts = descriptorFacts(fd);
  const maps = mapIds(system, fd);
  return {
    id: number('id'),
    type: programTypeName(number('type')),
    ...(info.text('name') !== '' && { name: info.text('name') }),
    tag: hexBytes(info.slice('tag')),
    gpl_compatible: number('gpl_compatible') === 1,
    ...(number('run_time_ns') > 0 && {
      run_time_ns: number('run_time_ns'),
      run_cnt: number('run_cnt'),
    }),
    ...(number('recursion_misses') > 0 && { recursion_misses: number('recursion_misses') }),
    loaded_at: Math.floor((bootTime() + number('load_time')) / 1e9),
    uid: number('created_by_uid'),
    orphaned: facts.get('orphaned') === '1',
    bytes_xlated: number('xlated_prog_len'),
    jited: number('jited_prog_len') > 0,
    ...(number('jited_prog_len') > 0 && { bytes_jited: number('jited_prog_len') }),
    ...(facts.has('memlock') && { bytes_memlock: Number(facts.get('memlock')) }),
    ...(maps.length > 0 && { map_ids: maps }),
    ...(number('btf_id') !== 0 && { btf_id: number('btf_id') }),
  };
}

function mapIds(system: LinuxKernel['system'], fd: number): number[] {
  const part = { at: 'map_ids', size: 'nr_map_ids', unit: 4 };
  return [...new Uint32Array(infoPart(system, fd, 'prog', part).buffer)];
}

/** `prog load OBJ PATH`, `prog loadall OBJ DIR`: maps without pins leave with the programs. */
function load(kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo): Output {
  const [file = '', path = ''] = words.splice(0, 2);
  const { pinmaps, attaches } = takeLoadWords(words);
  const object = readObject(file, io);
  const all = call.command.path[1] === 'loadall';
  const globals = parseGlobals(call.list('global'), object);
  const programs = programsToLoad(object, all, file);
  const loaded = loadObject(kernel, object, { globals, programs });
  for (const name of programs) {
    const program = loaded.programs.get(name) as LinuxProgram;
    const goes = attaches && attachesItself(program);
    const held = goes ? (program.attach({}) as LinuxLink) : program;
    kernel.pin(all ? `${path}/${name}` : path, held);
  }
  for (const [name, map] of pinmaps === undefined ? [] : loaded.maps) {
    kernel.pin(`${pinmaps}/${name.replaceAll('.', '_')}`, map as LinuxMap);
  }
  return {};
}

function run(kernel: LinuxKernel, words: string[], _call: CommandCall, io: CliIo): Output {
  const progFd = takeOne(kernel, 'prog', words);
  return testRun(kernel.system.bpf, progFd, takeRunWords(words), io);
}

/** `prog attach`, `prog detach`: PROG ATTACH_TYPE [MAP]. */
function attach(kernel: LinuxKernel, words: string[], call: CommandCall): Output {
  const attachBpfFd = takeOne(kernel, 'prog', words);
  const attachType = attachTypeNamed(words.shift() ?? '');
  const targetFd = words.length > 0 ? takeOne(kernel, 'map', words) : 0;
  noMore(words);
  const { bpf } = kernel.system;
  const detaching = call.command.path[1] === 'detach';
  const attr = { attachType, attachBpfFd, targetFd };
  const result = detaching ? bpf.progDetach(attr) : bpf.progAttach(attr);
  succeed(result, `the program cannot be ${detaching ? 'detached' : 'attached'}`);
  return {};
}

export const programNouns: Readonly<Record<string, Noun>> = {
  'prog show': show('prog', programJson, programText),
  'prog load': load,
  'prog loadall': load,
  'prog pin': pin('prog'),
  'prog run': run,
  'prog attach': attach,
  'prog detach': attach,
  'prog dump xlated': dump,
};
