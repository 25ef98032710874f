// 94 cuts and a silent link with the waiting times that are used in earnest.
process.env['STRATA_LABS'] = '1';
await import('../launch/remote/links.test.ts');
