;; The optimizer's arithmetic on float32 arrays in one memory. Pointers are multiples of 16, lengths too (arrays are
;; padded with zeros). Assembled by scripts/kernels.mjs into kernels.ts.
(module
  (import "env" "memory" (memory 1))

  ;; Sum of squares, accumulated in float64. The four quarters are read side by side: one stream alone comes slowly out of memory.
  ;; Not finite if an element is not. Lengths are multiples of 16.
  (func (export "sumOfSquares") (param $x i32) (param $n i32) (result f64)
    (local $y i32) (local $z i32) (local $u i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (local $v v128) (local $w v128) (local $end i32)
    (local.set $y (i32.add (local.get $x) (local.get $n)))
    (local.set $z (i32.add (local.get $y) (local.get $n)))
    (local.set $u (i32.add (local.get $z) (local.get $n)))
    (local.set $end (local.get $y))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $x) (local.get $end)))
        (local.set $v (v128.load (local.get $x)))
        (local.set $w (f64x2.promote_low_f32x4 (local.get $v)))
        (local.set $a (f64x2.add (local.get $a) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $w (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $v) (local.get $v))))
        (local.set $b (f64x2.add (local.get $b) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (local.set $v (v128.load (local.get $y)))
        (local.set $w (f64x2.promote_low_f32x4 (local.get $v)))
        (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $w (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $v) (local.get $v))))
        (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (local.set $v (v128.load (local.get $z)))
        (local.set $w (f64x2.promote_low_f32x4 (local.get $v)))
        (local.set $e (f64x2.add (local.get $e) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $w (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $v) (local.get $v))))
        (local.set $f (f64x2.add (local.get $f) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $z (i32.add (local.get $z) (i32.const 16)))
        (local.set $v (v128.load (local.get $u)))
        (local.set $w (f64x2.promote_low_f32x4 (local.get $v)))
        (local.set $g (f64x2.add (local.get $g) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $w (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $v) (local.get $v))))
        (local.set $h (f64x2.add (local.get $h) (f64x2.mul (local.get $w) (local.get $w))))
        (local.set $u (i32.add (local.get $u) (i32.const 16)))
        (br $next)))
    (local.set $a (f64x2.add
      (f64x2.add (f64x2.add (local.get $a) (local.get $b)) (f64x2.add (local.get $c) (local.get $d)))
      (f64x2.add (f64x2.add (local.get $e) (local.get $f)) (f64x2.add (local.get $g) (local.get $h)))))
    (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a))))

  ;; x += y
  (func (export "add") (param $x i32) (param $y i32) (param $n i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $x) (local.get $end)))
        (v128.store (local.get $x) (f32x4.add (v128.load (local.get $x)) (v128.load (local.get $y))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (br $next))))

  ;; One step of AdamW (Loshchilov and Hutter 2019, algorithm 2), in the order of torch.optim.AdamW:
  ;;   g *= clip;  p *= keep;  m += (g - m)·share1;  v = v·beta2 + g²·share2;  p -= rate · m / (√v · inverse2 + epsilon)
  ;; keep = 1 - lr·decay, share = 1 - beta, rate = lr / (1 - beta1^t), inverse2 = 1 / √(1 - beta2^t).
  (func (export "adamw") (param $p i32) (param $m i32) (param $v i32) (param $g i32) (param $n i32)
    (param $clip f32) (param $keep f32) (param $share1 f32) (param $beta2 f32) (param $share2 f32)
    (param $rate f32) (param $inverse2 f32) (param $epsilon f32)
    (local $C v128) (local $K v128) (local $S1 v128) (local $B2 v128) (local $S2 v128) (local $R v128) (local $I v128)
    (local $E v128) (local $gg v128) (local $mm v128) (local $vv v128) (local $end i32)
    (local.set $C (f32x4.splat (local.get $clip)))
    (local.set $K (f32x4.splat (local.get $keep)))
    (local.set $S1 (f32x4.splat (local.get $share1)))
    (local.set $B2 (f32x4.splat (local.get $beta2)))
    (local.set $S2 (f32x4.splat (local.get $share2)))
    (local.set $R (f32x4.splat (local.get $rate)))
    (local.set $I (f32x4.splat (local.get $inverse2)))
    (local.set $E (f32x4.splat (local.get $epsilon)))
    (local.set $end (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
        (local.set $gg (f32x4.mul (v128.load (local.get $g)) (local.get $C)))
        (local.set $mm (v128.load (local.get $m)))
        (local.set $mm (f32x4.add (local.get $mm)
          (f32x4.mul (f32x4.sub (local.get $gg) (local.get $mm)) (local.get $S1))))
        (local.set $vv (f32x4.add (f32x4.mul (v128.load (local.get $v)) (local.get $B2))
          (f32x4.mul (f32x4.mul (local.get $gg) (local.get $gg)) (local.get $S2))))
        (v128.store (local.get $m) (local.get $mm))
        (v128.store (local.get $v) (local.get $vv))
        (v128.store (local.get $p)
          (f32x4.sub
            (f32x4.mul (v128.load (local.get $p)) (local.get $K))
            (f32x4.div
              (f32x4.mul (local.get $mm) (local.get $R))
              (f32x4.add (f32x4.mul (f32x4.sqrt (local.get $vv)) (local.get $I)) (local.get $E)))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $m (i32.add (local.get $m) (i32.const 16)))
        (local.set $v (i32.add (local.get $v) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (br $next)))))
