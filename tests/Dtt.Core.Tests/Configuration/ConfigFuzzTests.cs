using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Tests;

namespace Dtt.Core.Tests.Configuration;

public sealed class ConfigFuzzTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Load_OfAnyDamage_IsRefusedInWords_OrIsAConfiguration() => Fuzz.RunAsync(2000, random =>
    {
        var lines = Enumerable.Range(0, random.Next(12)).Select(_ => random.One(RunKeys.All)).Where(k => !k.Name.Contains('.') && k.Name != "templates")
            .Select(k => $"{k.Name}: {(random.Next(3) == 0 ? random.One(Fuzz.Odd) : random.Next(2) == 0 ? k.Default ?? "1" : $"{random.Next(3000)}")}\n");
        var text = random.Damage(Encoding.UTF8.GetBytes(string.Concat(lines)));
        File.WriteAllBytes(_folder["config.yaml"], text);
        try
        {
            var key = random.One(RunKeys.All).Name;
            var config = ConfigLoader.Load(_folder["config.yaml"], key == "templates" ? [] : [(key, random.One(Fuzz.Odd), "--set")], TimeProvider.System);
            var again = RunConfig.Parse(config.Values.ToYaml());
            Assert.Equal(config.Run with { SpecialTokens = [] }, again with { SpecialTokens = [] }); // a list equals itself alone
            Assert.Equal(config.Run.SpecialTokens, again.SpecialTokens);
            Assert.True(new RunNeeds(config.Run).HostBytes(bf16: false, ranks: 2) > 0);
        }
        catch (ConfigurationException e)
        {
            Assert.NotEmpty(e.Message);
        }

        return Task.CompletedTask;
    });
}
