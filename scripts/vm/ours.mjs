/** What beeyard says to the questions of questions.mjs, in the same words. */
import { ourContents } from './contents.mjs';
import { fillOurs, runOptions } from './setup.mjs';

const ALL = { bpf: true, perfmon: true, netAdmin: true, sysAdmin: true };
const NONE = { bpf: false, perfmon: false, netAdmin: false, sysAdmin: false };
export const ENGINES = ['wasm', 'interpreter'];

export const capabilities = (unprivileged) => (unprivileged ? NONE : ALL);

/** `{ errno, log, xlated }`; errno 0: it loads. */
export function ourVerdict({ verify, profile }, { input, logLevel, unprivileged }) {
  const options = { logLevel, capabilities: capabilities(unprivileged), xlated: true };
  const { errno, log, xlated } = verify(input, profile, options);
  return { errno: -errno, log, xlated };
}

/**
 * `{ runs, maps }` on an engine, maps by name; or `{ refusal }` when the machine cannot run it. Each
 * run is 'errno N' or 'return value, packet'.
 */
export async function ourRuns({ createMachine }, question, inputs, engine) {
  const { object, program, commands } = question;
  const host = await createMachine({ engine });
  try {
    const { programs, maps } = await host.load(object, { programs: [program.name] });
    fillOurs(host, question, maps);
    const runs = inputs.map((input) => runOnce(programs[program.name], input));
    const contents = commands.maps.map(({ spec }) => [
      spec.name,
      ourContents(spec, maps[spec.name].kernelMap),
    ]);
    return { runs, maps: Object.fromEntries(contents) };
  } catch (error) {
    if (error.name !== 'KernelError' && error.name !== 'VerifierError') throw error;
    return { refusal: error.message };
  } finally {
    host[Symbol.dispose]?.();
  }
}

function runOnce(program, input) {
  try {
    const { returnValue, data = [] } = program.run(runOptions(input));
    return `${returnValue}, ${Buffer.from(data).toString('hex')}`;
  } catch (error) {
    return error.errno ? `errno ${error.errno}` : `${error.name}: ${error.message}`;
  }
}
