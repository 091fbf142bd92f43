namespace Dtt.Core.Configuration;

/// <summary>What the keys of a model must be to each other.</summary>
internal static class ModelChecks
{
    /// <summary>Adds an error for every contradiction.</summary>
    public static void Check(ConfigValues v, IList<string> errors)
    {
        CheckDivides(v, "n_heads", "d_model", errors);
        if (v.Text("architecture") == "llama") CheckLlama(v, errors);
        else CheckOthers(v, errors);
    }

    private static void CheckLlama(ConfigValues v, IList<string> errors)
    {
        if (v.LongOrNull("n_kv_heads") is not null) CheckDivides(v, "n_kv_heads", "n_heads", errors);
        var (d, heads) = (v.Int("d_model"), v.Int("n_heads"));
        if (d % heads == 0 && d / heads % 2 != 0)
            errors.Add($"{v.Origin("n_heads")}: a llama head turns pairs of values, and 'd_model' {d} ÷ 'n_heads' {heads} is {d / heads}, an odd width; choose heads of an even width.");
    }

    private static void CheckOthers(ConfigValues v, IList<string> errors)
    {
        var architecture = v.Text("architecture");
        if (v.LongOrNull("n_kv_heads") is { } kv && kv != v.Int("n_heads"))
            errors.Add($"{v.Origin("n_kv_heads")}: 'n_kv_heads' {kv} differs from 'n_heads' {v.Int("n_heads")}, and 'architecture: {architecture}' has no grouped queries; leave it out, or take 'architecture: llama'.");
        if (v.BoolOrNull("tie_embeddings") == false)
            errors.Add($"{v.Origin("tie_embeddings")}: 'architecture: {architecture}' always ties its head to the token embedding; leave 'tie_embeddings' out, or take 'architecture: llama'.");
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
