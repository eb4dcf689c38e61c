const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is an id in the one form that Sluice writes (lower-case UUID). Any other form does not exist. */
export function isId(text: string): boolean {
  return uuidPattern.test(text);
}
