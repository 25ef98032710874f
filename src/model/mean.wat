;; Averages of 16-bit floats: summed in float64, divided, and rounded once, to nearest, ties to even. Counts are multiples
;; of 4. Assembled by scripts/kernels.mjs into mean-kernels.ts.
(module
  (memory (export "memory") 3)

  ;; Adds four float32 values to the four float64 values at $sum.
  (func $accumulate (param $sum i32) (param $values v128)
    (v128.store (local.get $sum)
      (f64x2.add (v128.load (local.get $sum)) (f64x2.promote_low_f32x4 (local.get $values))))
    (v128.store offset=16 (local.get $sum)
      (f64x2.add (v128.load offset=16 (local.get $sum))
        (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $values) (local.get $values))))))

  ;; sum += source. A bfloat16 is the upper half of a float32.
  (func (export "addBfloat16") (param $source i32) (param $sum i32) (param $n i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $source) (i32.shl (local.get $n) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $source) (local.get $end)))
        (call $accumulate (local.get $sum)
          (i32x4.shl (i32x4.extend_low_i16x8_u (v128.load64_zero (local.get $source))) (i32.const 16)))
        (local.set $source (i32.add (local.get $source) (i32.const 8)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 32)))
        (br $next))))

  ;; sum += source. Exponent and mantissa are moved into place and scaled by 2^112, the difference of the exponents' biases:
  ;; that is exact, also for subnormals. Infinity and NaN get the largest exponent.
  (func (export "addFloat16") (param $source i32) (param $sum i32) (param $n i32)
    (local $end i32) (local $half v128) (local $magnitude v128)
    (local.set $end (i32.add (local.get $source) (i32.shl (local.get $n) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $source) (local.get $end)))
        (local.set $half (i32x4.extend_low_i16x8_u (v128.load64_zero (local.get $source))))
        (local.set $magnitude
          (f32x4.mul
            (i32x4.shl (v128.and (local.get $half) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)) (i32.const 13))
            (v128.const i32x4 0x77800000 0x77800000 0x77800000 0x77800000)))
        (local.set $magnitude
          (v128.or (local.get $magnitude)
            (v128.and
              (i32x4.eq
                (v128.and (local.get $half) (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00))
                (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00))
              (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))
        (call $accumulate (local.get $sum)
          (v128.or (local.get $magnitude)
            (i32x4.shl (v128.and (local.get $half) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000)) (i32.const 16))))
        (local.set $source (i32.add (local.get $source) (i32.const 8)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 32)))
        (br $next))))

  ;; Four float64 values at $sum over $divisor as float32 bits rounded to odd: towards zero, and the last bit set if anything
  ;; was cut off. A second rounding then equals one rounding of the exact value (Boldo and Melquiond 2008).
  (func $odd (param $sum i32) (param $divisor v128) (result v128)
    (local $a v128) (local $b v128) (local $fa v128) (local $fb v128) (local $ra v128) (local $rb v128)
    (local.set $a (f64x2.div (v128.load (local.get $sum)) (local.get $divisor)))
    (local.set $b (f64x2.div (v128.load offset=16 (local.get $sum)) (local.get $divisor)))
    (local.set $fa (f32x4.demote_f64x2_zero (local.get $a)))
    (local.set $fb (f32x4.demote_f64x2_zero (local.get $b)))
    (local.set $ra (f64x2.promote_low_f32x4 (local.get $fa)))
    (local.set $rb (f64x2.promote_low_f32x4 (local.get $fb)))
    (v128.or
      ;; Away from zero by the rounding to float32: one step back. (The mask is -1.)
      (i32x4.add
        (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $fa) (local.get $fb))
        (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27
          (f64x2.gt (f64x2.abs (local.get $ra)) (f64x2.abs (local.get $a)))
          (f64x2.gt (f64x2.abs (local.get $rb)) (f64x2.abs (local.get $b)))))
      (v128.and
        (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27
          (f64x2.ne (local.get $ra) (local.get $a))
          (f64x2.ne (local.get $rb) (local.get $b)))
        (v128.const i32x4 1 1 1 1))))

  ;; The lower halves of four words, as 8 bytes.
  (func $store (param $out i32) (param $words v128)
    (i64.store (local.get $out)
      (i64x2.extract_lane 0 (i16x8.narrow_i32x4_u (local.get $words) (local.get $words)))))

  ;; out = sum / divisor. A carry out of the mantissa runs into the exponent, and at the top into infinity, as it should.
  (func (export "roundBfloat16") (param $sum i32) (param $out i32) (param $n i32) (param $divisor f64)
    (local $end i32) (local $bits v128)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $n) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (local.set $bits (call $odd (local.get $sum) (f64x2.splat (local.get $divisor))))
        (call $store (local.get $out)
          (i32x4.shr_u
            (i32x4.add
              (i32x4.add (local.get $bits) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff))
              (v128.and (i32x4.shr_u (local.get $bits) (i32.const 16)) (v128.const i32x4 1 1 1 1)))
            (i32.const 16)))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 32)))
        (br $next))))

  ;; out = sum / divisor, by magnitude: below 2^-14 subnormal, from 65536 infinite, else normal.
  (func (export "roundFloat16") (param $sum i32) (param $out i32) (param $n i32) (param $divisor f64)
    (local $end i32) (local $bits v128) (local $magnitude v128) (local $half v128)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $n) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (local.set $bits (call $odd (local.get $sum) (f64x2.splat (local.get $divisor))))
        (local.set $magnitude
          (v128.and (local.get $bits) (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff)))
        ;; Normal: the exponent's bias changes by 112, 13 bits of the mantissa are rounded away.
        (local.set $half
          (i32x4.shr_u
            (i32x4.add
              (i32x4.add
                (i32x4.sub (local.get $magnitude) (v128.const i32x4 0x38000000 0x38000000 0x38000000 0x38000000))
                (v128.const i32x4 0xfff 0xfff 0xfff 0xfff))
              (v128.and (i32x4.shr_u (local.get $magnitude) (i32.const 13)) (v128.const i32x4 1 1 1 1)))
            (i32.const 13)))
        ;; Subnormal: the sum with 0.5 has steps of 2^-24, those of a subnormal.
        (local.set $half
          (v128.bitselect
            (i32x4.sub
              (f32x4.add (local.get $magnitude) (v128.const i32x4 0x3f000000 0x3f000000 0x3f000000 0x3f000000))
              (v128.const i32x4 0x3f000000 0x3f000000 0x3f000000 0x3f000000))
            (local.get $half)
            (i32x4.lt_s (local.get $magnitude) (v128.const i32x4 0x38800000 0x38800000 0x38800000 0x38800000))))
        (local.set $half
          (v128.bitselect
            (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00)
            (local.get $half)
            (i32x4.ge_s (local.get $magnitude) (v128.const i32x4 0x47800000 0x47800000 0x47800000 0x47800000))))
        (local.set $half
          (v128.bitselect
            (v128.const i32x4 0x7e00 0x7e00 0x7e00 0x7e00)
            (local.get $half)
            (i32x4.gt_s (local.get $magnitude) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))
        (call $store (local.get $out)
          (v128.or (local.get $half)
            (v128.and (i32x4.shr_u (local.get $bits) (i32.const 16)) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000))))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 32)))
        (br $next)))))
