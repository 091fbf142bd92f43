namespace Dtt.Training.Kernels;

/// <summary>The kind of attention that a model has.</summary>
/// <param name="QueryHeads">nh.</param>
/// <param name="KeyHeads">nkv, which divides nh: queries share keys and values in groups (Ainslie et al. 2023, arXiv:2305.13245).</param>
/// <param name="Causal">Whether a token sees only those before it and itself.</param>
/// <param name="Flash">Whether a fused kernel may be used, which saves no weights.</param>
internal readonly record struct AttentionShape(int QueryHeads, int KeyHeads, bool Causal, bool Flash);
