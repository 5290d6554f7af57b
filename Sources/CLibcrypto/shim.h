#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

// What EVP_PKEY_fromdata(3) is told in C macros, which Swift can't see. All return a key to be freed by EVP_PKEY_free, or
// null for numbers that make none.

static inline EVP_PKEY *orderflow_public_key(const char *kind, OSSL_PARAM *numbers) {
    EVP_PKEY *key = 0;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(0, kind, 0);
    if (context && (EVP_PKEY_fromdata_init(context) != 1
                    || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, numbers) != 1)) {
        EVP_PKEY_free(key);
        key = 0;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

// Modulus and exponent, big-endian.
__attribute__((unused)) static inline EVP_PKEY *orderflow_rsa_public_key(
    const unsigned char *n, int n_length, const unsigned char *e, int e_length
) {
    EVP_PKEY *key = 0;
    BIGNUM *modulus = BN_bin2bn(n, n_length, 0), *exponent = BN_bin2bn(e, e_length, 0);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (modulus && exponent && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        OSSL_PARAM *numbers = OSSL_PARAM_BLD_to_param(builder);
        if (numbers) key = orderflow_public_key("RSA", numbers);
        OSSL_PARAM_free(numbers);
    }
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

// A point of P-256, uncompressed: 0x04, x, y. One that isn't on the curve makes none.
__attribute__((unused)) static inline EVP_PKEY *orderflow_p256_public_key(unsigned char point[65]) {
    OSSL_PARAM numbers[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"prime256v1", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 65),
        OSSL_PARAM_construct_end(),
    };
    return orderflow_public_key("EC", numbers);
}

__attribute__((unused)) static inline EVP_PKEY *orderflow_ed25519_public_key(const unsigned char key[32]) {
    return EVP_PKEY_new_raw_public_key_ex(0, "ED25519", 0, key, 32);
}
