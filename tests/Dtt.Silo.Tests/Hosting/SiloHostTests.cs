using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Silo.Hosting;
using Dtt.Silo.Storage;
using Dtt.Silo.Tests.Storage;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Hosting;

public sealed class SiloHostTests(PostgresFixture postgres)
{
    [Fact]
    public async Task DatabaseThatFailsAtTheStart_IsTold_AndItMayBeTriedAgain()
    {
        var server = await postgres.ServerAsync();
        var address = PostgresAddress.Parse(await server.CreateDatabaseAsync())!;
        using var folder = new TempFolder();
        using var database = await PostgresDatabase.OpenAsync(address);
        await server.SqlAsync(address.Database, "ALTER TABLE dtt.MembershipVersion RENAME TO gone");
        var refused = await Assert.ThrowsAsync<UserErrorException>(() =>
            SiloHost.StartAsync(new PlatformFolders(folder["home"], folder["state"]), database, PlatformCertificates.Load(folder["tls"])));
        Assert.Equal(ExitCodes.Requeue, refused.ExitCode);
        Assert.StartsWith($"the platform's state in PostgreSQL at {address.Name} could not be read or written (", refused.Message, StringComparison.Ordinal);
    }
}
