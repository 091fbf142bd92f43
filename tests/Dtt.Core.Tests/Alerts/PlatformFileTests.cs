using System.Text;
using System.Text.RegularExpressions;
using Dtt.Core.Alerts;
using Dtt.Core.Errors;
using Dtt.Tests;

namespace Dtt.Core.Tests.Alerts;

public sealed class PlatformFileTests
{
    [Fact]
    public void Parse_TheExampleOfTheDocs_GivesItsRules()
    {
        var page = File.ReadAllText(Repository.At("docs", "observability.md"));
        var rules = PlatformFile.Parse(Regex.Match(page, "```yaml\n(.*?)```", RegexOptions.Singleline).Groups[1].Value, "platform.yaml");
        Assert.Equal(2, rules.Count);
        Assert.Equal("hooks.slack.com", rules[0].Webhook!.Host);
        Assert.Equal([AlertKind.Failed, AlertKind.Hung, AlertKind.Waiting], rules[0].On.Order());
        Assert.Equal(TimeSpan.FromMinutes(30), rules[0].WaitingAfter);
        Assert.Equal(["/usr/bin/logger", "-t", "dtt"], rules[1].Command);
        Assert.Equal((5, TimeSpan.FromMinutes(10)), (rules[1].On.Count, rules[1].WaitingAfter));
    }

    [Theory]
    [InlineData("")]
    [InlineData("alerts:")]
    [InlineData("alerts: []")]
    public void Parse_WithoutAlerts_HasNoRules(string text) => Assert.Empty(PlatformFile.Parse(text, "p.yaml"));

    [Theory]
    [InlineData("alert: []", "p.yaml:1: unknown key 'alert'. Did you mean 'alerts'? It takes alerts.")]
    [InlineData("- a", "p.yaml:1: the file is a list of 'key: value' lines, such as 'alerts:'.")]
    [InlineData("alerts: yes", "p.yaml:1: 'alerts' must be a list; begin each alert with '- webhook: URL' or '- command: [program]'.")]
    [InlineData("alerts:\n- x", "p.yaml:2: an alert is a block of keys (webhook, command, on, waiting_after).")]
    [InlineData("alerts:\n- on: [failed]", "p.yaml:2: an alert has either 'webhook' or 'command'; write a second alert for the other.")]
    [InlineData("alerts:\n- webhok: http://a", "p.yaml:2: alerts: unknown key 'webhok'. Did you mean 'webhook'?")]
    [InlineData("alerts:\n- command: [a]\n  command: [b]", "p.yaml:3: alerts: 'command' is set a second time; the first is on line 2. Keep one.")]
    [InlineData("alerts:\n- command: a b", "p.yaml:2: alerts: 'command' must be a list of a program and its arguments")]
    [InlineData("alerts:\n- command: []", "p.yaml:2: alerts: 'command' must be a list of a program and its arguments")]
    [InlineData("alerts:\n- command: [a]\n  on: [faild]",
        "p.yaml:3: alerts: 'on' has 'faild', and takes failed, recovered, hung, completed, waiting. Did you mean 'failed'?")]
    [InlineData("alerts:\n- command: [a]\n  on: []", "p.yaml:3: alerts: 'on' must be a list of some of failed,")]
    [InlineData("alerts:\n- command: [a]\n  waiting_after: 10m", "p.yaml:3: alerts: 'waiting_after' is '10m', and must be seconds, above 0")]
    [InlineData("alerts:\n- command: [a]\n  waiting_after: 0", "p.yaml:3: alerts: 'waiting_after' is '0', and must be seconds, above 0")]
    [InlineData("alerts:\n- command: [a\n", "p.yaml:")]
    public void Parse_AMistake_SaysWhereAndWhat(string text, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<ConfigurationException>(() => PlatformFile.Parse(text, "p.yaml")).Errors[0]);

    [Fact]
    public void Parse_SeveralMistakes_TellsAll() => Assert.Equal(3, Assert.Throws<ConfigurationException>(
        () => PlatformFile.Parse("alerts:\n- webhook: ftp://a\n  on: [x]\n  waiting_after: -1", "p.yaml")).Errors.Count);

    [Theory]
    [InlineData("hooks.slack.com/services/SECRET")]
    [InlineData("ftp://hooks.slack.com/SECRET")]
    [InlineData("[SECRET]")]
    public void Parse_AnAddressThatIsNone_NeverShowsIt(string address)
    {
        var e = Assert.Throws<ConfigurationException>(() => PlatformFile.Parse($"alerts:\n- webhook: {address}", "p.yaml"));
        Assert.Equal("p.yaml:2: alerts: 'webhook' must be an address that begins with https:// or http://.", e.Message);
    }

    [Fact]
    public Task Parse_OfAnyDamage_IsRefusedInWords_OrIsAList() => Fuzz.RunAsync(2000, random =>
    {
        string[] to = ["webhook: http://a/b", "command: [a, b]"];
        var alerts = Enumerable.Range(0, random.Next(4)).Select(_ =>
            $"- {random.One(to)}\n  on: [{random.One(Fuzz.Odd)}]\n  waiting_after: {random.One(Fuzz.Odd)}\n");
        try
        {
            var text = Encoding.UTF8.GetString(random.Damage(Encoding.UTF8.GetBytes("alerts:\n" + string.Concat(alerts))));
            Assert.All(PlatformFile.Parse(text, "p.yaml"), r => Assert.True(r.Webhook is null != (r.Command.Count == 0) && r.WaitingAfter > TimeSpan.Zero));
        }
        catch (ConfigurationException e)
        {
            Assert.NotEmpty(e.Message);
        }

        return Task.CompletedTask;
    });

    [Fact]
    public void Read_WithoutAFile_HasNoRules_AndOfAFolder_SaysSo()
    {
        using var folder = new TempFolder();
        Assert.Empty(PlatformFile.Read(folder["platform.yaml"]));
        Directory.CreateDirectory(folder["a-folder"]);
        Assert.Contains(folder["a-folder"], Assert.Throws<UnauthorizedAccessException>(() => PlatformFile.Read(folder["a-folder"])).Message);
    }
}
