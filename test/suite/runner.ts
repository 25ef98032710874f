import { writeFileSync } from 'node:fs';

/** A test of the suite: what it says, and what it does. */
interface Test {
  title: string;
  work: () => Promise<void>;
}

const tests: Test[] = [];

/** Declares a test; tests run in the order in which they are declared, one after the other. */
export function test(title: string, work: () => Promise<void>): void {
  tests.push({ title, work });
}

const limit = 90_000;

/**
 * Runs all declared tests and writes the report where the launcher of the lab wants it (VSCODE_TEST_REPORT). Rejects when one
 * failed, as `@vscode/test-electron` expects of `run()`.
 */
export async function runAll(): Promise<void> {
  const failures: { title: string; message: string }[] = [];
  for (const { title, work } of tests) {
    console.log(`@@ ${title}`);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${limit / 1000} s`)), limit);
    });
    try {
      await Promise.race([work(), timeout]);
    } catch (error) {
      failures.push({ title, message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    } finally {
      clearTimeout(timer);
    }
  }
  const report = { passed: tests.length - failures.length, failed: failures.length, skipped: 0, failures };
  const file = process.env['VSCODE_TEST_REPORT'];
  if (file) writeFileSync(file, JSON.stringify(report));
  for (const { title, message } of failures) console.error(`FAILED ${title}\n${message}`);
  if (failures.length > 0) throw new Error(`${failures.length} tests failed`);
}
