using Dtt.Core.Models;

namespace Dtt.Core.Configuration;

/// <summary>What the keys of a model must be to each other.</summary>
internal static class ModelChecks
{
    /// <summary>Adds an error for every contradiction.</summary>
    public static void Check(ConfigValues v, IList<string> errors)
    {
        var spec = Architectures.Of(v.Text("architecture"));
        if (v.LongOrNull("head_dim") is null) CheckDivides(v, "n_heads", "d_model", errors);
        if (spec.ChoosesHeads) CheckHeads(v, spec, errors);
        else CheckPlainHeads(v, spec, errors);
        if (v.BoolOrNull("document_mask") == true && v.Text("mask_type") != "causal")
        {
            errors.Add($"{v.Origin("document_mask")}: 'document_mask' needs 'mask_type: causal', which hides later tokens as well; leave one of the two out.");
        }

        if (!spec.ChoosesTying && v.BoolOrNull("tie_embeddings") == false)
        {
            errors.Add($"{v.Origin("tie_embeddings")}: 'architecture: {spec.Name}' always ties its head to the token embedding; leave 'tie_embeddings' out, "
                + $"or choose an architecture that may have a head of its own: {Architectures.Named(a => a.ChoosesTying)}.");
        }
    }

    private static void CheckHeads(ConfigValues v, ArchitectureSpec spec, IList<string> errors)
    {
        if (v.LongOrNull("n_kv_heads") is not null) CheckDivides(v, "n_kv_heads", "n_heads", errors);
        if (spec.Positions != PositionKind.Rotary) return;
        const string Reason = "rotary positions rotate pairs of a head's values";
        var (d, heads) = (v.Int("d_model"), v.Int("n_heads"));
        if (v.LongOrNull("head_dim") is { } width)
        {
            if (width % 2 != 0) errors.Add($"{v.Origin("head_dim")}: {Reason}, and 'head_dim' {width} is odd; nearest: {width - 1}, {width + 1}.");
        }
        else if (d % heads == 0 && d / heads % 2 != 0)
        {
            errors.Add($"{v.Origin("n_heads")}: {Reason}, and 'd_model' {d} ÷ 'n_heads' {heads} is {d / heads}, an odd width; choose heads of an even width.");
        }
    }

    private static void CheckPlainHeads(ConfigValues v, ArchitectureSpec spec, IList<string> errors)
    {
        var others = Architectures.Named(a => a.ChoosesHeads);
        if (v.LongOrNull("n_kv_heads") is { } kv && kv != v.Int("n_heads"))
        {
            errors.Add($"{v.Origin("n_kv_heads")}: 'n_kv_heads' {kv} differs from 'n_heads' {v.Int("n_heads")}, and 'architecture: {spec.Name}' "
                + $"has no grouped queries; leave it out, or choose an architecture that has: {others}.");
        }

        if (v.LongOrNull("head_dim") is { } width && width * v.Int("n_heads") != v.Int("d_model"))
        {
            errors.Add($"{v.Origin("head_dim")}: 'head_dim' {width} × 'n_heads' {v.Int("n_heads")} is not 'd_model' {v.Int("d_model")}, "
                + $"as 'architecture: {spec.Name}' needs it; leave it out, or choose an architecture that may have heads of any width: {others}.");
        }
    }

    private static void CheckDivides(ConfigValues v, string divisor, string dividend, IList<string> errors)
    {
        var (d, by) = (v.Int(dividend), v.Int(divisor));
        if (d % by == 0) return;
        var divisors = Enumerable.Range(1, d).Where(h => d % h == 0).ToList();
        var nearest = divisors.Where(h => h < by).TakeLast(1).Concat(divisors.Where(h => h > by).Take(1));
        errors.Add($"{v.Origin(divisor)}: '{divisor}' {by} does not divide '{dividend}' {d}; nearest: {string.Join(", ", nearest)}.");
    }
}
