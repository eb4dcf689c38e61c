/** V8's; the domain's types come with a class that sets it. */
interface ErrorConstructor {
  stackTraceLimit: number;
}
