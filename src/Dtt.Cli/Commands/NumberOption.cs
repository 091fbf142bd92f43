using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Dtt.Cli.Commands;

/// <summary>Options that are numbers, written as in a configuration file wherever the user lives: <c>0.5</c>, never <c>0,5</c>.</summary>
internal static class NumberOption
{
    /// <summary>A number with a default.</summary>
    public static Option<T> Create<T>(string description, T otherwise, string name, params string[] aliases)
        where T : struct, INumber<T> => new(name, aliases)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => otherwise,
            CustomParser = Parse<T>,
        };

    /// <summary>A number that may be left out.</summary>
    public static Option<T?> Optional<T>(string description, string name)
        where T : struct, INumber<T> => new(name) { Description = description, HelpName = "N", CustomParser = given => Parse<T>(given) };

    private static T Parse<T>(ArgumentResult given)
        where T : struct, INumber<T>
    {
        var whole = T.IsInteger(T.One / (T.One + T.One));
        var text = given.Tokens[0].Value;
        if (T.TryParse(text, whole ? NumberStyles.AllowLeadingSign : NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && T.IsFinite(value))
            return value;
        given.AddError($"{(given.Parent as OptionResult)?.IdentifierToken?.Value} takes a {(whole ? "whole number" : "number, such as 0.5")}, not '{text}'.");
        return default;
    }
}
