// A decoder's step multiplies one row (one token) with every weight. CTranslate2 passes the product a row of
// compensation, and with that oneDNN copies all weights into another order first: two thirds of the time of a token.
// With no offset oneDNN takes its path for a matrix and a vector, which copies nothing; the compensation is a sum.
// Put in front of src/cpu/primitives.cc by ctranslate2.cmake.
#pragma once
#include <dnnl.h>

static inline dnnl_status_t sawt_gemm_u8s8s32(char transa, char transb, char offsetc, dnnl_dim_t m, dnnl_dim_t n,
                                              dnnl_dim_t k, float alpha, const uint8_t* a, dnnl_dim_t lda, uint8_t ao,
                                              const int8_t* b, dnnl_dim_t ldb, int8_t bo, float beta, int32_t* c,
                                              dnnl_dim_t ldc, const int32_t* co) {
  if (m != 1 || offsetc != 'R' || transb != 'T' || alpha != 1 || beta != 0 || ao != 0 || bo != 0)
    return dnnl_gemm_u8s8s32(transa, transb, offsetc, m, n, k, alpha, a, lda, ao, b, ldb, bo, beta, c, ldc, co);
  const int32_t none = 0;
  const dnnl_status_t status =
      dnnl_gemm_u8s8s32(transa, transb, 'F', m, n, k, alpha, a, lda, ao, b, ldb, bo, beta, c, ldc, &none);
  if (status == dnnl_success)
    for (dnnl_dim_t i = 0; i < n; ++i) c[i] += co[i];
  return status;
}
#define dnnl_gemm_u8s8s32 sawt_gemm_u8s8s32
