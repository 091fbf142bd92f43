using System.Globalization;
using System.Text.RegularExpressions;

namespace Dtt.Core.Configuration;

/// <summary>Changes to a resolved configuration's text, all else of which stays as it is.</summary>
public static class ResolvedYaml
{
    /// <summary>Sets a top-level integer key.</summary>
    /// <param name="yaml">What <see cref="ConfigValues.ToYaml"/> wrote.</param>
    /// <param name="key">The key's name.</param>
    /// <param name="value">Its new value.</param>
    /// <param name="origin">Who set it, for the comment behind it.</param>
    public static string Set(string yaml, string key, long value, string origin)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{key}: {value} # {origin}");
        var there = new Regex($"^{Regex.Escape(key)}:.*$", RegexOptions.Multiline | RegexOptions.CultureInvariant);
        return there.IsMatch(yaml) ? there.Replace(yaml, line, 1) : $"{yaml}{line}\n";
    }
}
