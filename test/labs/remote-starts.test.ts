// 200 starts: cut at 64 byte positions, answers lost, clients killed, 20 at once.
process.env['STRATA_LABS'] = '1';
await import('../launch/remote/starts.test.ts');
