using Dtt.Data.Tales;

namespace Dtt.Data.Tests.Tales;

public sealed class TaleGeneratorTests
{
    [Fact]
    public void Tell_ManyTales_AreDifferentAndUseTwoThousandWords()
    {
        var generator = new TaleGenerator(0);
        var tales = Enumerable.Range(0, 20_000).Select(i => generator.Tell(i)).ToList();
        Assert.Equal(tales.Count, tales.Distinct().Count());
        char[] between = [' ', '.', ',', '!', '?', '"', '\'', '\n', '-'];
        var words = tales.SelectMany(t => t.ToLowerInvariant().Split(between, StringSplitOptions.RemoveEmptyEntries)).Distinct().Count();
        Assert.InRange(words, 1900, 2300);
    }

    [Fact]
    public void Tell_LeavesNoGapsAndNoEmptyLines()
    {
        var generator = new TaleGenerator(1);
        for (var i = 0; i < 2000; i++)
        {
            var tale = generator.Tell(i);
            Assert.DoesNotContain("{", tale);
            Assert.DoesNotContain("  ", tale);
            Assert.DoesNotContain("\n\n", tale);
            Assert.DoesNotContain(" / ", tale);
        }
    }

    [Fact]
    public void Tell_SameNumber_SameTale() => Assert.Equal(new TaleGenerator(4).Tell(123), new TaleGenerator(4).Tell(123));

    [Fact]
    public void Grammar_EveryRuleIsDefined()
    {
        using var resource = typeof(TaleGenerator).Assembly.GetManifestResourceStream("Dtt.Data.Tales.tales.grammar")!;
        var grammar = new Grammar(new StreamReader(resource));
        foreach (var rule in grammar.Rules.Keys) Assert.NotEmpty(grammar.Rules[rule]);
        string[] bound =
        [
            "hero", "he", "him", "his", "child", "place", "wood", "job", "beast", "other", "foe", "thing", "gift", "food", "fruit", "elder", "colour",
            "friendname", "kin", "season",
        ];
        var known = grammar.Rules.Keys.Concat(bound).ToHashSet();
        var used = grammar.Rules.Values.SelectMany(a => a)
            .SelectMany(a => System.Text.RegularExpressions.Regex.Matches(a, @"\{([^}]*)\}").Select(m => m.Groups[1].Value))
            .Select(s => s.Contains('=') ? s.Split('=')[1] : s.TrimStart('^'))
            .Select(s => s.StartsWith("a ") || s.StartsWith("s ") ? s[2..] : s)
            .Where(s => s[0] != '\'');
        Assert.Empty(used.Where(r => !known.Contains(r)).Distinct());
    }
}
