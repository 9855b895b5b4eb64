/** Values of the log in fewer words, for people: 'map_value, offset 0 to 40 (vs=48)'. */

const DEFAULTS: Readonly<Record<string, string>> = {
  smin: '-0x8000000000000000',
  smax: '0x7fffffffffffffff',
  umin: '0',
  umax: '0xffffffffffffffff',
};

/** What is said of pointers besides their offsets. */
const POINTER_KEYS = ['ks', 'vs', 'r', 'map', 'mem_size', 'sz'];

/**
 * A value in the log's words ('scalar(umax=255)') as a person would say it ('0 to 255'); the text
 * itself where it is short or of another kind.
 *
 * @example
 * valueText('scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff))'); // '0 to 255'
 */
export function valueText(text: string): string {
  const open = text.indexOf('(');
  const plain = text.replace(/^P(?=-?\d|0x|scalar)/, '');
  if (open < 0) return plain;
  const kind = text.slice(0, open).replace(/^P(?=scalar)/, '');
  const facts = factsOf(text.slice(open + 1, -1));
  if (kind === 'scalar') return rangeText(facts) || 'any number';
  const off = facts.get('off');
  const moved = rangeText(facts);
  const offset = [...(off ? [off] : []), ...(moved ? [moved] : [])].join(' plus ');
  const rest = POINTER_KEYS.flatMap((key) => (facts.has(key) ? [`${key}=${facts.get(key)}`] : []));
  const words = [kind, ...(offset ? [`offset ${offset}`] : [])].join(', ');
  return rest.length > 0 ? `${words} (${rest.join(', ')})` : words;
}

/** 'smin=0,smax=umax=255,var_off=(0x0; 0xff)' by key. */
function factsOf(text: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const part of text.replace(/\([^)]*\)/g, (inner) => inner.replace(/,/g, ';')).split(',')) {
    const words = part.split('=');
    const value = words.pop() ?? '';
    for (const key of words) facts.set(key, value);
  }
  return facts;
}

/** The range of a number; '' if nothing limits it. */
function rangeText(facts: ReadonlyMap<string, string>): string {
  const isKnown = ['smin', 'smax', 'umin', 'umax', 'var_off'].some((key) => facts.has(key));
  if (!isKnown) return '';
  const of = (key: string) => facts.get(key) ?? DEFAULTS[key]!;
  const isSigned = of('smin').startsWith('-') || /^0x[89a-f]\w{15}$/.test(of('smin'));
  const isWide = isSigned && of('umax') === DEFAULTS['umax'];
  const [min, max] = isWide ? [of('smin'), of('smax')] : [of('umin'), of('umax')];
  if (isWide && min === DEFAULTS['smin'] && max === DEFAULTS['smax']) return '';
  return `${min} to ${max}`;
}

/** True if a value in the log's words is a pointer: no number, and not nothing. */
export function isPointerText(text: string): boolean {
  return text !== '' && !/^P?(scalar|-?\d|0x)/.test(text);
}
