/**
 * Text in lines of at most `width` characters, broken at blanks: the first one starts with `first`,
 * the others with `next`. Words that are longer stay whole.
 */
export function wrapText(text: string, width: number, first = '', next = first): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const indent = lines.length === 0 ? first : next;
    if (line !== '' && indent.length + line.length + word.length + 1 > width) {
      lines.push(indent + line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, (lines.length === 0 ? first : next) + line];
}
