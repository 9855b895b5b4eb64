/** Tests of packets that are written on the command line. */
import type { DissectedField, DissectedLayer } from '../packet/index.ts';
import { usageError } from './exit.ts';

export type PacketTest = (layers: readonly DissectedLayer[]) => boolean;

const FORM = /^(!?)([\w-]+)(?:\.(\w+)(?:(!=|=|<|>)(.*))?)?$/s;
const PROBLEMS = 'problems';

/** All tests together. Throws CliError for what is no test. */
export function packetFilter(texts: readonly string[]): PacketTest {
  const tests = texts.map(testOf);
  return (layers) => tests.every((test) => test(layers));
}

function testOf(text: string): PacketTest {
  const found = FORM.exec(text.trim());
  if (!found) throw usageError(`--filter takes PROTOCOL, PROTOCOL.FIELD=VALUE, not '${text}'`);
  const [, not, protocol, field, operator, value] = found;
  const holds = positive(protocol!.toLowerCase(), field?.toLowerCase(), operator, value);
  return not ? (layers) => !holds(layers) : holds;
}

function positive(
  protocol: string,
  field: string | undefined,
  operator: string | undefined,
  value = '',
): PacketTest {
  if (protocol === PROBLEMS && field === undefined) {
    return (layers) => layers.some(({ problems }) => problems.length > 0);
  }
  const compare = comparison(operator, value);
  return (layers) =>
    layers.some((layer) => {
      if (layer.protocol.toLowerCase() !== protocol) return false;
      if (field === undefined) return true;
      return layer.fields.some((one) => one.name.toLowerCase() === field && compare(one));
    });
}

function comparison(
  operator: string | undefined,
  wanted: string,
): (field: DissectedField) => boolean {
  const number = wanted.trim() === '' ? Number.NaN : Number(wanted);
  const text = wanted.trim().toLowerCase();
  const isEqual = ({ value, text: own }: DissectedField): boolean => {
    const words = own.toLowerCase();
    const isName = words === text || words.replace(/ \(\d+\)$/, '') === text;
    return isName || String(value).toLowerCase() === text || value === number;
  };
  switch (operator) {
    case undefined:
      return () => true;
    case '=':
      return isEqual;
    case '!=':
      return (field) => !isEqual(field);
    case '<':
      return ({ value }) => Number(value) < number;
    default:
      return ({ value }) => Number(value) > number;
  }
}
