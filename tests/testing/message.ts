/** The text that a failing expectation has for people. */
export function messageOf(check: () => void): string {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the expectation was met');
}
