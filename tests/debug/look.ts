/** A recorded run of tests/debug/programs/variables.bpf.c, and what a debugger sees at its lines. */
import { Host } from '../../src/client/index.ts';
import {
  DebugInfo,
  DebugSession,
  lookUp,
  programMemory,
  textOf,
  type TypedValue,
  type VariableScope,
} from '../../src/debug/index.ts';
import { Stepper } from '../../src/engine/interpreter/recording.ts';
import { bootMachine } from '../../src/machine/index.ts';
import { ethernet, ipv4, packet, tcp } from '../../src/packet/index.ts';

export interface Look {
  /** Goes to where the line with this comment begins. */
  goTo(line: number): void;
  scopes(frame?: number): readonly VariableScope[];
  text(expression: string, frame?: number): string;
}

export async function look(object: Uint8Array): Promise<Look> {
  const stepper = new Stepper();
  const { machine, network } = await bootMachine({ engine: stepper.engine });
  const host = new Host(machine, network.devices, network);
  const { programs, refused } = await host.load(object);
  const why = refused.get('variables');
  if (why) throw why;
  const data = packet(ethernet(), ipv4(), tcp());
  const session = new DebugSession(stepper.record(() => programs['variables']!.run({ data })));
  const info = DebugInfo.read(object)!;
  const frameOf = (i: number) => session.frames()[i]!;
  const memoryOf = (i: number) => programMemory(machine.runtime, frameOf(i).image);
  const scopes = (i = 0) => info.scopes(frameOf(i), i, memoryOf(i));
  return {
    goTo(line) {
      session.goTo(0);
      const breakpoint = { kind: 'line', file: '', line } as const;
      session.add(breakpoint);
      session.resume();
      session.remove(breakpoint);
    },
    scopes,
    text(expression, frame = 0) {
      const variables: TypedValue[] = scopes(frame).flatMap((scope) => scope.variables);
      const found = lookUp(expression, variables, memoryOf(frame));
      return textOf(found, { pointer: () => undefined, value: (_, value) => value });
    },
  };
}

/** Lines of the source by the word behind LINE. */
export function marks(source: string): Readonly<Record<string, number>> {
  const found = source.split('\n').flatMap((text, i) => {
    const word = /\/\/ LINE (\w+)/.exec(text)?.[1];
    return word ? [[word, i + 1] as const] : [];
  });
  return Object.fromEntries(found);
}

/** What is so at the lines, whatever compiled the program. */
export const FACTS: readonly (readonly [
  line: string,
  frame: number,
  name: string,
  text: string,
])[] = [
  ['main', 0, 'shape.corner', '{"x": 3, "y": -4}'],
  ['main', 0, 'shape.colour', '"BLUE"'],
  ['main', 0, 'shape.kind', '6'],
  ['main', 0, 'shape.rest', '17'],
  ['main', 0, 'shape.bytes', '[0, 9, 0, 0]'],
  ['main', 0, 'shape.halves[1]', '1'],
  ['main', 0, '*shape.next', '{"x": 3, "y": -4}'],
  ['main', 0, 'key', '0'],
  ['main', 0, 'eth->h_dest[0]', '2'],
  ['called', 0, 'here', '{"x": 2, "y": -2}'],
  ['called', 0, 'scratch[1]', '1234605616436508552'],
  ['called', 0, 'shape->corner.y', '-4'],
  ['called', 1, 'shape.wide', '4294967298'],
];
